import Diffusion
import Files
import LuaRuntime
import Tensors

/// A text-to-image pipeline as Lua holds it.
final class PipelineObject {
    let pipeline: StableDiffusionPipeline
    let session: ScriptContext
    /// What the script opened it by, or its name in the registry.
    let name: String
    /// Steps of a picture, where a script asks for none.
    let steps: Int
    /// The weight of the text, where a script asks for none.
    let guidanceScale: Double

    init(
        _ pipeline: StableDiffusionPipeline, _ session: ScriptContext, name: String, steps: Int = 50,
        guidanceScale: Double = 7.5
    ) {
        self.pipeline = pipeline
        self.session = session
        self.name = name
        self.steps = steps
        self.guidanceScale = guidanceScale
    }

    /// The same pipeline under a registered name, with the settings of its entry.
    func renamed(_ name: String, steps: Int?, guidanceScale: Double?) -> PipelineObject {
        PipelineObject(
            pipeline, session, name: name, steps: steps ?? self.steps,
            guidanceScale: guidanceScale ?? self.guidanceScale)
    }
}

/// `model.pipeline` and the classes of what it gives.
enum PipelineModule {
    static let classes =
        [PipelineMethods.declaration, PipelineParts.denoiser, PipelineParts.autoencoder, PipelineParts.textEncoder]
        + [PipelineParts.tokenizer]

    private static let parts: [LuaParameter] = [
        LuaParameter("unet", .string, "The denoiser: a folder, or a Hub name with the folder in it behind."),
        LuaParameter("vae", .string, "The autoencoder, likewise."),
        LuaParameter("text_encoder", .string, "The text encoder, likewise."),
        LuaParameter("tokenizer", .string, "The tokenizer, likewise."),
        LuaParameter(
            "scheduler", .dictionary(.any), "What a scheduler_config.json holds, with `_class_name`, as in diffusers."),
        LuaParameter(
            "text_length", .integer, optional: true, "Tokens of a text; what the tokenizer states where absent."),
    ]

    static func pipeline(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pipeline",
            [
                LuaParameter(
                    "source", .oneOf([.string, .options(parts)]),
                    "A folder in diffusers' layout, a Hub name found in the local cache, a registered name, or the parts "
                        + "of a pipeline by name."),
                LuaParameter(
                    "options", .dictionary(.any), optional: true,
                    "`dtype`: \"f32\" or \"bf16\". A registered model gets the whole table."),
            ], returns: [LuaResult("pipeline", .any, "The pipeline.")],
            "Opens a text-to-image pipeline of the Stable Diffusion family. Weights are memory-mapped; loading is strict.",
            example: "local pipe = model.pipeline(\"stable-diffusion-v1-5\", { dtype = \"bf16\" })"
        ) { arguments in
            if let name = arguments.value("source").stringValue, let model = session.registered[name] {
                return try model.load(arguments.value("options"))
            }
            let options = arguments.has("options") ? try arguments.table("options") : LuaTable()
            for field in options.fields where field.name != "dtype" {
                throw arguments.fail("options", "unknown option '\(field.name)'; known: dtype")
            }
            let (pipeline, name) = try open(arguments, session, session.dtype(options, arguments))
            try session.input(pipeline.files)
            return [.object(PipelineObject(pipeline, session, name: name))]
        }
    }

    private static func open(
        _ arguments: LuaArguments, _ session: ScriptContext, _ dtype: DType
    ) throws -> (StableDiffusionPipeline, String) {
        if let name = arguments.value("source").stringValue {
            do {
                return (try StableDiffusionPipeline.open(name, dtype: dtype), name)
            } catch {
                guard let near = nearest(name, among: session.registered.keys.sorted()) else { throw error }
                throw LuaError("\(error)\nor did you mean the registered model '\(near)'?")
            }
        }
        let source = try arguments.options("source")
        let scheduler = try ConfigConversion.config(.table(source.table("scheduler")), name: "scheduler")
        let folder = try PipelineFolder.parts(
            unet: source.string("unet"), vae: source.string("vae"), textEncoder: source.string("text_encoder"),
            tokenizer: source.string("tokenizer"), scheduler: scheduler)
        let length = source.has("text_length") ? try source.integer("text_length") : nil
        return (
            try StableDiffusionPipeline.open(folder, dtype: dtype, textLength: length), try source.string("unet")
        )
    }

}
