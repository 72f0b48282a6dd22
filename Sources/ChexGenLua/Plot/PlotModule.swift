import LuaRuntime
import Plotting
import Tensors

/// `chexgen.plot`: pictures of numbers, drawn by gnuplot.
enum PlotModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.plot",
            "Pictures of numbers as SVG, PNG or PDF, drawn by gnuplot (Debian: gnuplot-nox). The path's ending names the "
                + "format. Colours are told apart by people with colour blindness, too; values that are not finite are "
                + "gaps; the same call gives the same bytes.",
            functions: [line(session), bar(session), scatter(session), histogram(session), heatmap(session)])
    }

    // MARK: Options

    private static let numbers = LuaType.oneOf([.object("Tensor"), .list(.number)])

    private static let frame: [LuaParameter] = [
        LuaParameter(
            "path", .string, "The file, its name ending in .svg, .png or .pdf; it is written whole or not at all."),
        LuaParameter("title", .string, default: .string(""), "Above the picture."),
        LuaParameter("xlabel", .string, default: .string(""), "Under the horizontal axis."),
        LuaParameter("ylabel", .string, default: .string(""), "Beside the vertical axis."),
        LuaParameter(
            "width", .integer, default: .integer(960), "Pixels across, 100 to 8192; 1/96 inch each in SVG and PDF."),
        LuaParameter("height", .integer, default: .integer(600), "Pixels down."),
        LuaParameter(
            "font_size", .number, default: .number(13), "The size of letters in points; lines and marks grow with it."),
    ]

    private static let legend = LuaParameter(
        "legend", .choice(Figure.Legend.allCases.map(\.rawValue)), default: .string(Figure.Legend.automatic.rawValue),
        "Where the names of the series stand.")

    private static func logarithmic(_ axis: String) -> LuaParameter {
        LuaParameter("log\(axis)", .boolean, default: .boolean(false), "Whether the \(axis) axis is logarithmic.")
    }

    private static let label = LuaParameter("label", .string, optional: true, "The name in the legend.")

    private static let curves = LuaParameter(
        "series",
        .list(
            .options([
                label, LuaParameter("x", numbers, optional: true, "Where the points stand; 1, 2, … where absent."),
                LuaParameter("y", numbers, "The values."),
                LuaParameter("error", numbers, optional: true, "Half the length of each error bar."),
            ])), "What is drawn, a colour each.")

    private static let path = [LuaResult("path", .string, "The file that was written.")]

    private static func function(
        _ session: ScriptContext, _ name: String, _ options: [LuaParameter], _ text: String, example: String,
        _ content: @escaping (LuaArguments) throws -> Figure.Content
    ) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            name, [LuaParameter("options", .options(frame + options), "The picture.")], returns: path, text,
            example: example
        ) { arguments in
            let options = try arguments.options("options")
            let path = try options.string("path")
            _ = try Figure.Format(path: path)
            var figure = Figure(try content(options))
            figure.title = try options.string("title")
            figure.xLabel = try options.string("xlabel")
            figure.yLabel = try options.string("ylabel")
            figure.width = try options.integer("width")
            figure.height = try options.integer("height")
            figure.fontSize = try options.number("font_size")
            figure.isLogX = options.has("logx") ? try options.boolean("logx") : false
            figure.isLogY = options.has("logy") ? try options.boolean("logy") : false
            figure.legend =
                options.has("legend") ? Figure.Legend(rawValue: try options.string("legend")) ?? .automatic : .none
            try Gnuplot().write(figure, to: session.output(path))
            return [.string(path)]
        }
    }

    // MARK: Functions

    private static func line(_ session: ScriptContext) -> LuaFunctionDeclaration {
        function(
            session, "line", [curves, logarithmic("x"), logarithmic("y"), legend],
            "Draws lines, with marks where they have at most 40 points; a value that is not finite breaks the line.",
            example: "plot.line{ path = \"loss.svg\", xlabel = \"epoch\", ylabel = \"loss\", "
                + "series = { { label = \"training\", y = { 0.7, 0.4, 0.3 }, error = { 0.1, 0.05, 0.04 } } } }"
        ) { .lines(try curves($0)) }
    }

    private static func scatter(_ session: ScriptContext) -> LuaFunctionDeclaration {
        function(
            session, "scatter", [curves, logarithmic("x"), logarithmic("y"), legend],
            "Draws points; many let one another show through.",
            example: "plot.scatter{ path = \"points.png\", series = { { x = { 1, 2, 3 }, y = { 2, 1, 4 } } } }"
        ) { .points(try curves($0)) }
    }

    private static func bar(_ session: ScriptContext) -> LuaFunctionDeclaration {
        function(
            session, "bar",
            [
                LuaParameter("categories", .list(.string), "The names of the groups."),
                LuaParameter(
                    "series",
                    .list(
                        .options([
                            label, LuaParameter("values", numbers, "The lengths, one a category."),
                            LuaParameter("error", numbers, optional: true, "Half the length of each error bar."),
                        ])), "The bars of each group, a colour each."),
                LuaParameter(
                    "horizontal", .boolean, default: .boolean(false), "Whether bars lie, the first category on top."),
                logarithmic("x"), logarithmic("y"), legend,
            ],
            "Draws bars in groups. `logy` (`logx` where they lie) makes the lengths logarithmic.",
            example: "plot.bar{ path = \"frd.svg\", categories = { \"Edema\", \"Pneumonia\" }, "
                + "series = { { label = \"FRD\", values = { 4.1, 3.7 } }, { label = \"floor\", values = { 1.2, 1.4 } } } }"
        ) { options in
            .bars(
                Bars(
                    categories: try strings(options, "categories"),
                    series: try tables(options, "series").map { name, table in
                        Bars.Series(
                            label: table["label"].stringValue ?? "",
                            values: try numbers(table["values"], "\(name).values", options),
                            error: try optionalNumbers(table["error"], "\(name).error", options))
                    }, isHorizontal: try options.boolean("horizontal")))
        }
    }

    private static func histogram(_ session: ScriptContext) -> LuaFunctionDeclaration {
        function(
            session, "histogram",
            [
                LuaParameter("values", numbers, optional: true, "The values, where there is one set."),
                LuaParameter(
                    "series", .list(.options([label, LuaParameter("values", numbers, "The values.")])), optional: true,
                    "The sets, a colour each, in the same bins."),
                LuaParameter(
                    "bins", .integer, optional: true, "How many; by the rule of Freedman and Diaconis where absent."),
                LuaParameter(
                    "density", .boolean, default: .boolean(false),
                    "Whether each set's bars have an area of 1, so that sets of different sizes compare."),
                logarithmic("y"), legend,
            ],
            "Draws how often values fall into bins. Give `values` or `series`.",
            example:
                "plot.histogram{ path = \"ages.pdf\", values = { 31, 45, 62, 64, 70 }, bins = 5, xlabel = \"age\" }"
        ) { options in
            guard options.has("values") != options.has("series") else {
                throw options.fail("values", "wanted either values or series")
            }
            var series: [Histogram.Series] = []
            if options.has("values") {
                series = [Histogram.Series(values: try numbers(options.value("values"), "values", options))]
            } else {
                series = try tables(options, "series").map { name, table in
                    Histogram.Series(
                        label: table["label"].stringValue ?? "",
                        values: try numbers(table["values"], "\(name).values", options))
                }
            }
            return .histogram(
                Histogram(
                    series: series, bins: options.has("bins") ? try options.integer("bins") : nil,
                    isDensity: try options.boolean("density")))
        }
    }

    private static func heatmap(_ session: ScriptContext) -> LuaFunctionDeclaration {
        function(
            session, "heatmap",
            [
                LuaParameter("values", .oneOf([.object("Tensor"), .table]), "`[R, C]`: a tensor or a list of rows."),
                LuaParameter("rows", .list(.string), optional: true, "The names of the rows; 1, 2, … where absent."),
                LuaParameter("columns", .list(.string), optional: true, "The names of the columns."),
                LuaParameter("label", .string, default: .string(""), "What the colours mean."),
                LuaParameter("annotate", .boolean, default: .boolean(false), "Whether cells show their value."),
                LuaParameter(
                    "low", .number, optional: true, "The value of the darkest colour; the least where absent."),
                LuaParameter("high", .number, optional: true, "That of the lightest; the greatest where absent."),
            ],
            "Draws a matrix as coloured cells, the first row on top; cells that are not finite stay empty.",
            example: "plot.heatmap{ path = \"confusion.svg\", values = { { 12, 3 }, { 1, 20 } }, "
                + "rows = { \"no\", \"yes\" }, columns = { \"no\", \"yes\" }, annotate = true }"
        ) { options in
            .heatmap(
                Heatmap(
                    values: try matrix(options, "values"),
                    rows: options.has("rows") ? try strings(options, "rows") : nil,
                    columns: options.has("columns") ? try strings(options, "columns") : nil,
                    label: try options.string("label"), isAnnotated: try options.boolean("annotate"),
                    low: options.has("low") ? try options.number("low") : nil,
                    high: options.has("high") ? try options.number("high") : nil))
        }
    }

    // MARK: Reading

    private static func curves(_ options: LuaArguments) throws -> [Curve] {
        try tables(options, "series").map { name, table in
            Curve(
                label: table["label"].stringValue ?? "", x: try optionalNumbers(table["x"], "\(name).x", options),
                y: try numbers(table["y"], "\(name).y", options),
                error: try optionalNumbers(table["error"], "\(name).error", options))
        }
    }

    private static func tables(_ options: LuaArguments, _ name: String) throws -> [(name: String, table: LuaTable)] {
        try options.list(name).enumerated().map { index, value in
            ("\(name)[\(index + 1)]", value.tableValue ?? LuaTable())
        }
    }

    private static func strings(_ options: LuaArguments, _ name: String) throws -> [String] {
        try options.list(name).compactMap(\.stringValue)
    }

    private static func optionalNumbers(
        _ value: LuaValue, _ name: String, _ options: LuaArguments
    ) throws -> [Double]? {
        value.isNil ? nil : try numbers(value, name, options)
    }

    private static func numbers(_ value: LuaValue, _ name: String, _ options: LuaArguments) throws -> [Double] {
        if let object = value.objectValue as? TensorObject {
            guard object.tensor.rank == 1 else {
                throw options.fail(name, "wanted a tensor of one dimension, got \(Tensor.text(object.tensor.shape))")
            }
            return try object.tensor.contiguous().to(.f64).array(Double.self)
        }
        return value.tableValue?.array.compactMap(\.numberValue) ?? []
    }

    private static func matrix(_ options: LuaArguments, _ name: String) throws -> [[Double]] {
        let tensor: Tensor
        if let object = options.value(name).objectValue as? TensorObject {
            tensor = object.tensor
        } else {
            tensor = try TensorNesting.tensor(from: options.value(name), dtype: .f64, arguments: options, name: name)
        }
        guard tensor.rank == 2 else {
            throw options.fail(name, "wanted two dimensions [R, C], got \(Tensor.text(tensor.shape))")
        }
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        guard tensor.count <= Figure.mostNumbers else {
            throw options.fail(name, "wanted at most \(Figure.mostNumbers) cells, got \(tensor.count)")
        }
        let flat = try tensor.contiguous().to(.f64).array(Double.self)
        return (0..<rows).map { Array(flat[$0 * columns..<($0 + 1) * columns]) }
    }
}
