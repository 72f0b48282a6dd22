import LuaRuntime
import Tensors

/// `chexgen.tensor`: how scripts make, load and save tensors. Methods are in `TensorMethods.swift`.
enum TensorModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.tensor",
            "N-dimensional arrays. Dimensions and indexes count from 1, negative ones from the end. Views (`select`, "
                + "`narrow`, `permute`, `t[i]`) share memory with their tensor.",
            functions: makers + random(session) + joining + files(session),
            constants: [
                LuaConstantDeclaration(
                    "dtypes", .list(.string), .list(DType.allCases.map(\.rawValue)), "The names of the dtypes.")
            ],
            classes: [TensorMethods.declaration, generatorClass])
    }

    private static let dtypeParameter = LuaParameter(
        "dtype", .choice(DType.allCases.map(\.rawValue)), optional: true, "The dtype; f32 where it is absent.")
    private static let tensorResult = [LuaResult("tensor", .object("Tensor"), "A new tensor.")]
    private static let sizesParameter = LuaParameter(
        "sizes", .variadic(.any), "The sizes, as `{2, 3}` or `2, 3`; after a list a dtype may follow.")

    // MARK: Making

    private static let makers: [LuaFunctionDeclaration] = [
        LuaFunctionDeclaration(
            "new",
            [
                LuaParameter("values", .any, "A number, a boolean, or nested lists of them."), dtypeParameter,
            ], returns: tensorResult,
            "Makes a tensor of values: `bool` from booleans, else `f32` unless a dtype is given.",
            example: "local t = tensor.new{{1, 2}, {3, 4}}"
        ) { arguments in
            if case .object(let object as TensorObject) = arguments.value("values") {
                let dtype = try arguments.dtype("dtype", default: object.tensor.dtype)
                return [.tensor(try object.tensor.to(dtype).clone())]
            }
            let dtype = arguments.has("dtype") ? try arguments.dtype("dtype", default: .f32) : nil
            return [
                .tensor(
                    try TensorNesting.tensor(
                        from: arguments.value("values"), dtype: dtype, arguments: arguments, name: "values"))
            ]
        },
        filled("zeros", "Makes a tensor of zeros.") { try Tensor.zeros($0, $1) },
        filled("ones", "Makes a tensor of ones.") { try Tensor.ones($0, $1) },
        LuaFunctionDeclaration(
            "full",
            [
                LuaParameter("sizes", .list(.integer), "The sizes."),
                LuaParameter("value", .oneOf([.number, .boolean]), "Every element."),
                dtypeParameter,
            ], returns: tensorResult, "Makes a tensor whose elements are all `value`."
        ) { arguments in
            let sizes = try arguments.sizes([arguments.value("sizes")], name: "sizes")
            let dtype = try arguments.dtype("dtype", default: .f32)
            let value = arguments.value("value").scalarValue ?? .number(0)
            return [.tensor(try Tensor.full(sizes, value, dtype))]
        },
        LuaFunctionDeclaration(
            "eye",
            [
                LuaParameter("rows", .integer, "The number of rows."),
                LuaParameter("columns", .integer, optional: true, "The number of columns; as many as rows if absent."),
                dtypeParameter,
            ], returns: tensorResult, "Makes a matrix with ones on the diagonal and zeros elsewhere."
        ) { arguments in
            let rows = try arguments.integer("rows")
            let columns = arguments.has("columns") ? try arguments.integer("columns") : rows
            return [.tensor(try Tensor.eye(rows, columns, arguments.dtype("dtype", default: .f32)))]
        },
        LuaFunctionDeclaration(
            "arange",
            [
                LuaParameter("start", .number, "The first value; the end where it is the only argument."),
                LuaParameter("stop", .number, optional: true, "The end, not included."),
                LuaParameter("step", .number, default: .integer(1), "The distance of two values."), dtypeParameter,
            ], returns: tensorResult,
            "Values from `start` up to, not including, `stop`, as PyTorch's `arange`: `arange(3)` holds 0, 1, 2."
        ) { arguments in
            let dtype = try arguments.dtype("dtype", default: .f32)
            let first = arguments.value("start").scalarValue ?? .integer(0)
            let step = arguments.value("step").scalarValue ?? .integer(1)
            guard let stop = arguments.value("stop").scalarValue else {
                return [.tensor(try Tensor.arange(.integer(0), first, step: step, dtype: dtype))]
            }
            return [.tensor(try Tensor.arange(first, stop, step: step, dtype: dtype))]
        },
        LuaFunctionDeclaration(
            "linspace",
            [
                LuaParameter("start", .number, "The first value."), LuaParameter("stop", .number, "The last value."),
                LuaParameter("count", .integer, "How many values."), dtypeParameter,
            ], returns: tensorResult, "Evenly spaced values, both ends included."
        ) { arguments in
            return [
                .tensor(
                    try Tensor.linspace(
                        arguments.number("start"), arguments.number("stop"), count: arguments.integer("count"),
                        dtype: arguments.dtype("dtype", default: .f32)))
            ]
        },
    ]

    private static func filled(
        _ name: String, _ text: String, _ make: @escaping ([Int], DType) throws -> Tensor
    ) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(name, [sizesParameter], returns: tensorResult, text, example: "tensor.\(name){2, 3}") {
            arguments in
            let (sizes, dtype) = try shapeAndType(arguments)
            return [.tensor(try make(sizes, dtype))]
        }
    }

    /// Reads `f(2, 3)`, `f{2, 3}`, `f({2, 3}, "f64")` and `f{2, 3, dtype = "f64"}`.
    private static func shapeAndType(_ arguments: LuaArguments) throws -> ([Int], DType) {
        var values = arguments.rest
        var word: String?
        if case .string(let last) = values.last ?? .nil {
            word = last
            values.removeLast()
        }
        if values.count == 1, case .table(let table) = values[0] {
            for field in table.fields where field.name != "dtype" && field.name != "generator" {
                throw arguments.fail("sizes", "unknown option '\(field.name)'; known: dtype")
            }
            if let named = table["dtype"].stringValue { word = named }
        }
        let dtype: DType
        if let word {
            guard let known = DType(rawValue: word) else {
                throw arguments.fail("dtype", "unknown dtype \"\(word)\"")
            }
            dtype = known
        } else {
            dtype = .f32
        }
        return (try arguments.sizes(values, name: "sizes"), dtype)
    }

    // MARK: Random

    private static func random(_ session: ScriptContext) -> [LuaFunctionDeclaration] {
        let generatorText = "A generator; without one the run's own stream, seeded with the run's seed."
        func drawn(
            _ name: String, _ text: String, _ make: @escaping ([Int], TorchGenerator, DType) throws -> Tensor
        ) -> LuaFunctionDeclaration {
            LuaFunctionDeclaration(
                name,
                [
                    LuaParameter("sizes", .list(.integer), "The sizes."),
                    LuaParameter("generator", .object("Generator"), optional: true, generatorText), dtypeParameter,
                ], returns: tensorResult, text, example: "tensor.\(name)({1, 4, 64, 64}, tensor.generator(42))"
            ) { arguments in
                let sizes = try arguments.sizes([arguments.value("sizes")], name: "sizes")
                let generator = try generator(arguments, session)
                return [.tensor(try make(sizes, generator, arguments.dtype("dtype", default: .f32)))]
            }
        }
        return [
            LuaFunctionDeclaration(
                "generator", [LuaParameter("seed", .integer, "The seed.")],
                returns: [LuaResult("generator", .object("Generator"), "The stream of that seed.")],
                "PyTorch's CPU random stream: `torch.Generator().manual_seed(seed)`."
            ) { arguments in
                let seed = try arguments.integer("seed")
                return [.object(GeneratorObject(TorchGenerator(seed: UInt64(bitPattern: Int64(seed)))))]
            },
            drawn("rand", "Uniform values of [0, 1), as `torch.rand` draws them.") {
                try Tensor.rand($0, generator: $1, dtype: $2)
            },
            drawn("randn", "Standard normal values, as `torch.randn` draws them.") {
                try Tensor.randn($0, generator: $1, dtype: $2)
            },
            LuaFunctionDeclaration(
                "randperm",
                [
                    LuaParameter("count", .any, "How many; a number or a list with one number."),
                    LuaParameter("generator", .object("Generator"), optional: true, generatorText),
                ], returns: tensorResult, "The numbers 1 to `count` in random order (`torch.randperm`, plus 1), i64."
            ) { arguments in
                let sizes = try arguments.sizes([arguments.value("count")], name: "count")
                guard sizes.count == 1, sizes[0] >= 0, sizes[0] <= 1 << 31 else {
                    throw arguments.fail("count", "wanted one number of at least 0")
                }
                let order = try Tensor.randperm(sizes[0], generator: generator(arguments, session))
                return [.tensor(try Tensor.binary(.add, order, .integer(1)))]
            },
        ]
    }

    private static func generator(_ arguments: LuaArguments, _ session: ScriptContext) throws -> TorchGenerator {
        if arguments.has("generator") {
            return try arguments.object("generator", as: GeneratorObject.self).generator
        }
        return session.generator
    }

    private static let generatorClass = LuaClass<GeneratorObject>.declaration(
        "Generator", "A random stream; every draw moves it on.",
        properties: [
            .property("seed", .integer, "The seed it was made with.") {
                .integer(Int(truncatingIfNeeded: $0.generator.seed))
            }
        ],
        operators: [
            .tostring: .unary { object in
                return .string("Generator(seed \(object.generator.seed))")
            }
        ])

    // MARK: Joining

    private static let joining: [LuaFunctionDeclaration] = [
        joined("cat", "Joins tensors along a dimension that they have.") { tensors, arguments in
            let axis = try arguments.axis("dim", rank: tensors.first?.rank ?? 0)
            return try Tensor.cat(tensors, axis: axis)
        },
        joined("stack", "Joins tensors of equal shape along a new dimension.") { tensors, arguments in
            let axis = try arguments.axis("dim", rank: (tensors.first?.rank ?? 0) + 1)
            return try Tensor.stack(tensors, axis: axis)
        },
    ]

    private static func joined(
        _ name: String, _ text: String, _ join: @escaping ([Tensor], LuaArguments) throws -> Tensor
    ) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            name,
            [
                LuaParameter("tensors", .list(.object("Tensor")), "At least one tensor."),
                LuaParameter("dim", .integer, default: .integer(1), "The dimension."),
            ], returns: tensorResult, text
        ) { arguments in
            let tensors = try arguments.list("tensors").map { value -> Tensor in
                guard case .object(let object as TensorObject) = value else {
                    throw arguments.fail("tensors", "wanted a list of tensors, got \(value.kind) in it")
                }
                return object.tensor
            }
            guard !tensors.isEmpty else { throw arguments.fail("tensors", "wanted at least one tensor") }
            return [.tensor(try join(tensors, arguments))]
        }
    }

    // MARK: Files

    private static func files(_ session: ScriptContext) -> [LuaFunctionDeclaration] {
        [
            LuaFunctionDeclaration(
                "load", [LuaParameter("path", .string, "A `.npy`, `.npz`, `.safetensors` or PyTorch file.")],
                returns: [LuaResult("value", .any, "A tensor from `.npy`, else a table of tensors by name.")],
                "Reads tensors from a file. PyTorch files are read by an allow-list interpreter, never executed."
            ) { arguments in
                try TensorFiles.load(session.input(arguments.string("path")))
            },
            LuaFunctionDeclaration(
                "save",
                [
                    LuaParameter("path", .string, "The file; its ending chooses the format."),
                    LuaParameter("value", .any, "A tensor for `.npy`; a table of tensors by name for the others."),
                ], "Writes tensors to a `.npy`, `.npz` or `.safetensors` file, whole or not at all."
            ) { arguments in
                let path = try session.output(arguments.string("path"))
                try TensorFiles.save(path, arguments.value("value"), arguments)
                return []
            },
        ]
    }
}
