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

    static func pipeline(_ session: ScriptContext, _ known: PipelineRegistry) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pipeline", PipelineSource.parameters(session, known),
            returns: [LuaResult("pipeline", .any, "The pipeline.")],
            "Opens a text-to-image pipeline of the class that its model_index.json names: "
                + known.entries.all.map { "`\($0.className)` (\($0.about))" }.joined(separator: ", ")
                + ". Weights are memory-mapped; loading is strict.",
            example:
                "local pipe = model.pipeline(\"stable-diffusion-v1-5/stable-diffusion-v1-5\", { dtype = \"bf16\" })"
        ) { arguments in
            let named = arguments.value("source").stringValue
            if let named, let model = session.registered[named] {
                return try model.load(arguments.value("options"), session.host)
            }
            let source = try PipelineSource(arguments, session, known)
            let adapters = try AdapterOptions.adapters(source.lora, arguments, "options.lora")
            let pipeline: any TextToImage
            do {
                pipeline = try source.open(known, adapters)
            } catch {
                guard let named, let near = nearest(named, among: session.registered.keys.sorted()) else { throw error }
                var hinted = LuaError("\(error)\nor did you mean the registered model '\(near)'?")
                hinted.cause = error
                throw hinted
            }
            try session.input(pipeline.files)
            for note in pipeline.notes { session.note(note) }
            return [.object(PipelineObject(pipeline, session, known, name: source.name))]
        }
    }
}
