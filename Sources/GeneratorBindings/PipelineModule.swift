import ChexGenLua
import Diffusion
import Encoders
import Engine
import Files
import LuaRuntime
import Runs
import Tensors

/// A text-to-image pipeline as Lua holds it.
final class PipelineObject: RenamableModel {
    let pipeline: any TextToImage
    let session: ScriptContext
    /// What it was opened with.
    let known: PipelineRegistry
    /// What the script opened it by, or its name in the registry.
    let name: String
    /// What a picture is made with where a script asks for nothing.
    let defaults: GenerationDefaults

    init(
        _ pipeline: any TextToImage, _ session: ScriptContext, _ known: PipelineRegistry, name: String,
        defaults: GenerationDefaults? = nil
    ) {
        self.pipeline = pipeline
        self.session = session
        self.known = known
        self.name = name
        self.defaults = defaults ?? pipeline.defaults
    }

    /// The same pipeline under a registered name, with the settings of its entry.
    func renamed(_ name: String, steps: Int?, guidanceScale: Double?) -> PipelineObject {
        var defaults = defaults
        defaults.steps = steps ?? defaults.steps
        defaults.guidanceScale = guidanceScale ?? defaults.guidanceScale
        return PipelineObject(pipeline, session, known, name: name, defaults: defaults)
    }
}

/// `model.pipeline` and the classes of what it gives.
enum PipelineModule {
    static func classes(_ known: PipelineRegistry) -> [LuaClassDeclaration] {
        [
            PipelineMethods.declaration(known), PipelineParts.denoiser, PipelineParts.autoencoder,
            CodeAutoencoderModule.declaration, PipelineParts.textEncoder,
        ]
            + [PipelineParts.tokenizer]
    }

    private static func parts(_ known: PipelineRegistry) -> [LuaParameter] {
        known.parts.map {
            LuaParameter($0, .string, optional: true, "A part: a folder, or a Hub name with the folder in it behind.")
        } + [
            LuaParameter(
                "scheduler", .dictionary(.any), optional: true,
                "Of diffusion pipelines: what a scheduler_config.json holds, with `_class_name`, as in diffusers."),
            LuaParameter(
                "text_length", .integer, optional: true, "Tokens of a text; what the tokenizer states where absent."),
            LuaParameter(
                "class", .choice(known.entries.names), default: .string(known.defaultClass),
                "The class of pipelines, as a model_index.json names it."),
        ]
    }

    static func pipeline(_ session: ScriptContext, _ known: PipelineRegistry) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pipeline",
            [
                LuaParameter(
                    "source", .oneOf([.string, .options(parts(known))]),
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
            ], returns: [LuaResult("pipeline", .any, "The pipeline.")],
            "Opens a text-to-image pipeline of the class that its model_index.json names: "
                + known.entries.all.map { "`\($0.className)` (\($0.about))" }.joined(separator: ", ")
                + ". Weights are memory-mapped; loading is strict.",
            example:
                "local pipe = model.pipeline(\"stable-diffusion-v1-5/stable-diffusion-v1-5\", { dtype = \"bf16\" })"
        ) { arguments in
            if let name = arguments.value("source").stringValue, let model = session.registered[name] {
                return try model.load(arguments.value("options"), session.host)
            }
            let options = arguments.has("options") ? try arguments.table("options") : LuaTable()
            let separate = known.separateParts.map(\.part.name)
            let names = ["device", "dtype", "lora", "stream"] + separate
            for field in options.fields where !names.contains(field.name) {
                throw arguments.fail("options", ModelOptions.unknown(field.name, of: names))
            }
            var places: [String: String] = [:]
            for name in separate where !options[name].isNil {
                guard let place = options[name].stringValue, !place.isEmpty else {
                    throw arguments.fail("options.\(name)", "wanted the place of this part, got \(options[name].kind)")
                }
                places[name] = place
            }
            guard let streams = options["stream"].isNil ? false : options["stream"].booleanValue else {
                throw arguments.fail("options.stream", "wanted true or false, got \(options["stream"].kind)")
            }
            let compute = try session.compute(options, arguments)
            let adapters = try AdapterOptions.adapters(options["lora"], arguments, "options.lora")
            let (pipeline, name) = try open(
                arguments, session, known, compute, adapters, streams, beside: places)
            try session.input(pipeline.files)
            for note in pipeline.notes { session.note(note) }
            return [.object(PipelineObject(pipeline, session, known, name: name))]
        }
    }

    private static func open(
        _ arguments: LuaArguments, _ session: ScriptContext, _ known: PipelineRegistry, _ compute: Compute,
        _ adapters: [Adapter], _ streams: Bool, beside separate: [String: String]
    ) throws -> (any TextToImage, String) {
        if let name = arguments.value("source").stringValue {
            do {
                let pipeline = try known.open(
                    name, beside: separate, dtype: compute.dtype, on: compute.device, adapters: adapters,
                    streams: streams)
                return (pipeline, name)
            } catch {
                guard let near = nearest(name, among: session.registered.keys.sorted()) else { throw error }
                var hinted = LuaError("\(error)\nor did you mean the registered model '\(near)'?")
                hinted.cause = error
                throw hinted
            }
        }
        let source = try arguments.options("source")
        let scheduler =
            source.has("scheduler")
            ? try ConfigConversion.config(.table(source.table("scheduler")), name: "scheduler") : .null
        var places: [String: String] = [:]
        for part in known.parts where source.has(part) { places[part] = try source.string(part) }
        for (name, place) in separate {
            guard places.updateValue(place, forKey: name) == nil else {
                throw arguments.fail("options.\(name)", "the parts name a \(name), too")
            }
        }
        var folder = PipelineFolder(className: try source.string("class"), places: places, scheduler: scheduler)
        if source.has("text_length") { folder.textLength = try source.integer("text_length") }
        let maker = known.parts.first { places[$0] != nil && known.kind(of: $0)?.role.isMaker == true }
        let name = maker.flatMap { places[$0] } ?? "pipeline"
        let pipeline = try known.open(
            folder, dtype: compute.dtype, on: compute.device, adapters: adapters, streams: streams)
        return (pipeline, name)
    }
}
