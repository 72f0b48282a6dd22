import ChexGenLua
import Diffusion
import LuaRuntime

/// The generators of pictures, as `chexgen.model` has them: pipelines, and what these consist of.
public struct Generators: ModelAddition {
    private let known: PipelineRegistry

    /// The generators that a registry knows.
    public init(_ known: PipelineRegistry = .standard) { self.known = known }

    /// Denoisers, autoencoders and text encoders.
    public var networks: [String] { known.networks }

    /// What the weights of one of them must hold; nil where `name` is none of them.
    public func parameters(_ name: String, config: String?) throws -> [(name: String, shape: [Int])]? {
        try known.parameters(name, config: config)
    }

    /// `model.pipeline`, the options of pipelines, and what a pipeline will hold.
    public func functions(_ session: ScriptContext) -> [LuaFunctionDeclaration] {
        [
            PipelineModule.pipeline(session, known), PipelineOptions.list(known),
            PipelineOptions.places(known), PipelineOptions.generators,
            PipelineMemory.function(session, known),
        ]
    }

    /// The classes of pipelines and of their parts.
    public var classes: [LuaClassDeclaration] { PipelineModule.classes(known) }
}
