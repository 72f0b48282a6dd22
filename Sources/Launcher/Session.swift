import ChexGenLua
import Devices
import Diffusion
import Encoders
import Engine
import Files
import GeneratorBindings
import LuaRuntime
import Metrics
import Tensors
import Training

/// A Lua state with every module of this program: what a run, the prompt and the writers of documentation begin with.
public final class Session {
    /// The Lua state.
    public let host: LuaHost
    /// What its modules share.
    public let context: ScriptContext

    /// A new state.
    /// - Parameters:
    ///   - encoders: what `model.encoder` knows beside what scripts register.
    ///   - pipelines: what `model.pipeline` knows, likewise.
    ///   - classifiers: what `model.classifier` knows.
    ///   - statistics: what `metric.measure` knows beside what scripts register.
    ///   - devices: what models may run on.
    ///   - known: what `model.labeler`, `model.image_text`, `model.language` and `model.vision_language` know.
    /// - Throws: `LuaError` where there is no memory for it; `RegistryError` where a language model of `known` has a
    ///   class that another of `pipelines` has.
    public init(
        _ options: LuaOptions, seed: Int = 42, encoders: EncoderRegistry = .standard,
        pipelines: PipelineRegistry = .standard, classifiers: ClassifierRegistry = .standard,
        statistics: StatisticRegistry = .standard, devices: Registry<Device> = Device.known,
        known: KnownModels = KnownModels()
    ) throws {
        var options = options
        options.outsideBytes = Storage.bytesAliveFunction
        host = try LuaHost(options)
        // What is known once is known wherever it is of use: images' sides as encoders, language models in generators.
        var (encoders, pipelines) = (encoders, pipelines)
        for entry in known.imageTexts.all where encoders[entry.name] == nil { try encoders.add(entry.images) }
        let languages = pipelines.languageModels.entries
        for entry in known.languages.entries.all where languages[entry.name] == nil {
            try pipelines.languageModels.add(entry)
        }
        context = ScriptContext(
            host: host, seed: seed, encoders: encoders, classifiers: classifiers, devices: devices,
            known: known, models: [Generators(pipelines)], statistics: statistics)
        for module in context.modules { try host.register(module) }
    }
}
