import ChexGenLua
import Diffusion
import Encoders
import Engine
import LuaRuntime

/// A pipeline that a script asks for, to open it or to know what it would hold: where its parts lie, and how it is
/// opened.
struct PipelineSource {
    /// Where its parts lie.
    enum Place {
        /// In one folder or under one Hub name, but for those that options name the places of.
        case folder(String, beside: [String: String])
        /// Wherever they are named.
        case parts(PipelineFolder)
    }

    let place: Place
    /// What people call it.
    let name: String
    let compute: Compute
    /// Whether weights are let go behind each block of a network.
    let streams: Bool
    /// The option `lora`, whose files are not read yet.
    let lora: LuaValue

    /// The arguments that it is read from.
    static func parameters(_ session: ScriptContext, _ known: PipelineRegistry) -> [LuaParameter] {
        let parts =
            known.parts.map {
                LuaParameter(
                    $0, .string, optional: true, "A part: a folder, or a Hub name with the folder in it behind.")
            } + [
                LuaParameter(
                    "scheduler", .dictionary(.any), optional: true,
                    "Of diffusion pipelines: what a scheduler_config.json holds, with `_class_name`, as in diffusers."),
                LuaParameter(
                    "text_length", .integer, optional: true,
                    "Tokens of a text; what the tokenizer states where absent."),
                LuaParameter(
                    "class", .choice(known.entries.names), default: .string(known.defaultClass),
                    "The class of pipelines, as a model_index.json names it."),
            ]
        return [
            LuaParameter(
                "source", .oneOf([.string, .options(parts)]),
                "A folder in diffusers' layout, a Hub name found in the local cache, a registered name, or the parts "
                    + "of a pipeline by name."),
            LuaParameter(
                "options", .dictionary(.any), optional: true,
                "`dtype`: \"f32\" or \"bf16\". `lora`: a file, `{ path =, scale = 1 }`, or a list of them: of diffusers, peft, "
                    + "kohya or ai-toolkit; all of its layers must be the model's. Where its keys do not say which part "
                    + "it changes, `part` names it. `stream`: holds the weights of a block of a network at a time, and makes them again "
                    + "in each pass, for models that do not fit into memory. "
                    + known.separateParts.map { part, family in
                        "`\(part.name)`: of \(family.about), whose part \(family.separate?.main ?? "") `source` is: \(part.about) "
                    }.joined() + DeviceOption.text(session)
                    + " A registered model gets the whole table."
            ),
        ]
    }

    /// Reads a call's arguments, whose source is no registered name.
    /// - Throws: what a user reads of an argument.
    init(_ arguments: LuaArguments, _ session: ScriptContext, _ known: PipelineRegistry) throws {
        let options = arguments.has("options") ? try arguments.table("options") : LuaTable()
        let separate = known.separateParts.map(\.part.name)
        let names = ["device", "dtype", "lora", "stream"] + separate
        for field in options.fields where !names.contains(field.name) {
            throw arguments.fail("options", ModelOptions.unknown(field.name, of: names))
        }
        var beside: [String: String] = [:]
        for name in separate where !options[name].isNil {
            guard let place = options[name].stringValue, !place.isEmpty else {
                throw arguments.fail("options.\(name)", "wanted the place of this part, got \(options[name].kind)")
            }
            beside[name] = place
        }
        guard let streams = options["stream"].isNil ? false : options["stream"].booleanValue else {
            throw arguments.fail("options.stream", "wanted true or false, got \(options["stream"].kind)")
        }
        compute = try session.compute(options, arguments)
        self.streams = streams
        lora = options["lora"]
        if let name = arguments.value("source").stringValue {
            self.name = name
            place = .folder(name, beside: beside)
        } else {
            (place, name) = try Self.parts(arguments, known, beside: beside)
        }
    }

    private static func parts(
        _ arguments: LuaArguments, _ known: PipelineRegistry, beside: [String: String]
    ) throws -> (Place, name: String) {
        let source = try arguments.options("source")
        let scheduler =
            source.has("scheduler")
            ? try ConfigConversion.config(.table(source.table("scheduler")), name: "scheduler") : .null
        var places: [String: String] = [:]
        for part in known.parts where source.has(part) { places[part] = try source.string(part) }
        for (name, place) in beside {
            guard places.updateValue(place, forKey: name) == nil else {
                throw arguments.fail("options.\(name)", "the parts name a \(name), too")
            }
        }
        var folder = PipelineFolder(className: try source.string("class"), places: places, scheduler: scheduler)
        if source.has("text_length") { folder.textLength = try source.integer("text_length") }
        let maker = known.parts.first { places[$0] != nil && known.kind(of: $0)?.role.isMaker == true }
        return (.parts(folder), maker.flatMap { places[$0] } ?? "pipeline")
    }

    /// Opens it.
    /// - Throws: as `PipelineRegistry.open`.
    func open(_ known: PipelineRegistry, _ adapters: [Adapter]) throws -> any TextToImage {
        switch place {
        case .folder(let folder, let beside):
            return try known.open(
                folder, beside: beside, dtype: compute.dtype, on: compute.device, adapters: adapters, streams: streams)
        case .parts(let folder):
            return try known.open(
                folder, dtype: compute.dtype, on: compute.device, adapters: adapters, streams: streams)
        }
    }

    /// What its weights would take of memory; see `PipelineRegistry.memory`.
    func memory(_ known: PipelineRegistry) throws -> MemoryPlan? {
        switch place {
        case .folder(let folder, let beside):
            return try known.memory(folder, beside: beside, dtype: compute.dtype, streams: streams)
        case .parts(let folder): return try known.memory(folder, dtype: compute.dtype, streams: streams)
        }
    }
}
