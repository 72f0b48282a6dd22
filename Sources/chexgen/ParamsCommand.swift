import Files
import Launcher

extension Command {
    /// `chexgen params`.
    static let params = Command(
        name: "params", about: "an experiment's parameters, their types, defaults and what they mean",
        arguments: [.init("EXPERIMENT", .experiment, .optional)], options: [Listing.format],
        text: [
            "EXPERIMENT is a script, a YAML file, or the name of an experiment that comes with the program; without it, those are "
                + "listed. Of a YAML file, the values that it sets stand beside the defaults. A parameter is set in the YAML "
                + "below `params`, or with --set params.NAME=VALUE."
        ],
        examples: [
            ("chexgen params", "the experiments that come with the program"),
            ("chexgen params fidelity", "what fidelity can be told"),
        ]
    ) { given in
        let format = try given.choice("format", of: Listing.formats)
        guard let word = given.positional.first else {
            guard let folder = ScriptLocations.experiments else {
                throw UsageError(
                    "the program's experiments are not beside its Lua library; name a script or a YAML file")
            }
            if format == "text" { print("\(folder):\n") }
            let rows = ScriptLocations.experimentNames.map { name -> [JSON] in
                [.string(name), .string(ExperimentOutline.purpose(of: "\(folder)/\(name).yaml"))]
            }
            Listing(columns: ["name", "about"], rows: rows).print(format)
            return .done
        }
        let file = try Program.experiment(word)
        let outline = try ExperimentOutline(file)
        if format == "text" {
            print(
                "\(outline.script)\n\(Listing.wrapped(outline.about, width: Terminal.width).joined(separator: "\n"))\n")
        }
        var columns = ["name", "type", "default", "text"]
        if outline.given != nil { columns.insert("here", at: 3) }
        let rows = outline.parameters.map { parameter -> [JSON] in
            func shown(_ value: JSON?) -> JSON {
                guard format == "text", let value else { return value ?? .null }
                return .string(value == .string("") ? "\"\"" : value == .null ? "none" : value.summary)
            }
            var row: [JSON] = [
                .string(parameter.name), .string(parameter.type), shown(parameter.standard),
                Listing.filled(parameter.text),
            ]
            if outline.given != nil { row.insert(shown(outline.given(parameter.name)), at: 3) }
            return row
        }
        if rows.isEmpty, format == "text" {
            print("no parameters")
        } else {
            Listing(columns: columns, rows: rows, most: 24).print(format)
        }
        return .done
    }
}
