import Encoders
import LuaRuntime

/// A model that a script registered: how it is loaded, and how it is usually run.
package struct RegisteredModel {
    /// The keys of an entry.
    static let keys = [
        LuaParameter(
            "source", .function("fun(options: table): string|table, table?"), optional: true,
            "Of a pipeline: gets the options and returns what `model.pipeline` opens, its `source` and `options`. So what it "
                + "will hold is known before a run."),
        LuaParameter(
            "load", .function("fun(options: table): any"), optional: true,
            "In place of `source`: gets the options and returns the model."),
        LuaParameter("steps", .integer, optional: true, "Steps of a picture, where a script asks for none."),
        LuaParameter("guidance_scale", .number, optional: true, "The weight of the text, likewise."),
        LuaParameter("about", .string, optional: true, "What the model is, in a sentence."),
        LuaParameter(
            "ending", .string, optional: true,
            "Of an encoder: what follows the names of its metrics in tables; the name in parentheses where absent."),
        LuaParameter(
            "roles", .dictionary(.string), optional: true,
            "Of an encoder: the output that plays each of its roles, `neighbours` (precision, recall, density, coverage) "
                + "and `logits` (Inception Score); `features` is the default output."),
    ]

    let name: String
    let about: String
    let steps: Int?
    let guidanceScale: Double?
    /// What follows the names of metrics over its features, where it is an encoder.
    let columnEnding: String
    /// The outputs that play the roles of an encoder.
    let roles: [EncoderRole: String]
    let function: LuaFunction
    /// Whether the function says what `model.pipeline` opens, rather than to load a model itself.
    private let isSource: Bool
    /// The script file that registered it.
    let caller: LuaCaller

    /// Reads an entry: a function, or a table with one.
    init(_ name: String, _ arguments: LuaArguments, _ argument: String, by caller: LuaCaller) throws {
        self.name = name
        self.caller = caller
        if case .function(let function) = arguments.value(argument) {
            self.function = function
            isSource = false
            (about, steps, guidanceScale) = ("", nil, nil)
            (columnEnding, roles) = (" (\(name))", [:])
            return
        }
        let entry = try arguments.options(argument)
        isSource = entry.has("source")
        guard isSource != entry.has("load") else {
            throw arguments.fail(argument, "wanted either `source` or `load`")
        }
        function = try entry.function(isSource ? "source" : "load")
        about = entry.has("about") ? try entry.string("about") : ""
        steps = entry.has("steps") ? try entry.integer("steps") : nil
        guidanceScale = entry.has("guidance_scale") ? try entry.number("guidance_scale") : nil
        columnEnding = entry.has("ending") ? try entry.string("ending") : " (\(name))"
        roles = entry.has("roles") ? try Self.roles(entry) : [:]
        if let steps, steps < 1 { throw entry.fail("steps", "wanted 1 or more, got \(steps)") }
        if let guidanceScale, !guidanceScale.isFinite {
            throw entry.fail("guidance_scale", "wanted a finite number, got \(guidanceScale)")
        }
    }

    private static func roles(_ entry: LuaArguments) throws -> [EncoderRole: String] {
        var roles: [EncoderRole: String] = [:]
        for field in try entry.table("roles").fields {
            guard let role = EncoderRole(rawValue: field.name) else {
                let known = EncoderRole.allCases.map(\.rawValue).joined(separator: ", ")
                throw entry.fail("roles", "unknown role '\(field.name)'; known: \(known)")
            }
            roles[role] = field.value.stringValue
        }
        return roles
    }

    /// Whether it may be an encoder: what has the settings of a pipeline is none.
    var mayBeEncoder: Bool { steps == nil && guidanceScale == nil && !isSource }

    /// Loads the model. One of the program's pipelines takes the entry's settings for its own; an object of the script's
    /// gets them as fields, where it has none of that name.
    package func load(_ options: LuaValue, _ host: LuaHost) throws -> [LuaValue] {
        let settings = LuaValue.fields([
            ("name", .string(name)), ("steps", steps.map { .integer($0) } ?? .nil),
            ("guidance_scale", guidanceScale.map { .number($0) } ?? .nil),
        ])
        let made =
            try isSource
            ? handed("pipeline", options, host)
            : Self.loader(host).call([.function(function), given(options), settings])
        if case .object(let model as any RenamableModel) = made.first ?? .nil {
            return [.object(model.renamed(name, steps: steps, guidanceScale: guidanceScale))]
        }
        return made
    }

    /// What `model.pipeline_memory` says of it: nil where a function of the script's loads it, which alone knows what it
    /// takes.
    package func memory(_ options: LuaValue, _ host: LuaHost) throws -> [LuaValue] {
        isSource ? try handed("pipeline_memory", options, host) : [.nil]
    }

    private func given(_ options: LuaValue) -> LuaValue { options.isNil ? .table(LuaTable()) : options }

    /// Calls a function of `chexgen.model` with what `source` says.
    private func handed(_ name: String, _ options: LuaValue, _ host: LuaHost) throws -> [LuaValue] {
        let text = "return function(source, options) return require(\"chexgen.model\").\(name)(source(options)) end"
        guard case .function(let call)? = try host.run(text, name: "model.register").first else {
            throw LuaError("model.register: \(name) is no function")
        }
        return try call.call([.function(function), given(options)])
    }

    /// Calls `load` and completes what it gives. A table becomes an object by a metatable, so that it stays one and the
    /// same on its way through Swift.
    private static func loader(_ host: LuaHost) throws -> LuaFunction {
        let text = """
            return function(load, options, settings)
              local made = load(options)
              if type(made) ~= "table" then return made end
              for key, value in pairs(settings) do
                if made[key] == nil then made[key] = value end
              end
              return getmetatable(made) and made or setmetatable(made, {})
            end
            """
        guard case .function(let loader)? = try host.run(text, name: "model.register").first else {
            throw LuaError("model.register: the loader is no function")
        }
        return loader
    }

    /// `model.registered()`.
    static func list(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "registered",
            returns: [
                LuaResult(
                    "models", .list(.table),
                    "By name: `name`, `about`, and `steps` and `guidance_scale` where the entry has them.")
            ], "The models that were registered."
        ) { _ in
            let models = session.registered.values.sorted { $0.name < $1.name }.map { model in
                LuaValue.fields([
                    ("name", .string(model.name)), ("about", .string(model.about)),
                    ("steps", model.steps.map { .integer($0) } ?? .nil),
                    ("guidance_scale", model.guidanceScale.map { .number($0) } ?? .nil),
                ])
            }
            return [.table(LuaTable(array: models))]
        }
    }
}
