import Encoders
import Files
import Language

/// The models of texts that `chexgen.model` knows: a program adds its own to a copy.
public struct KnownModels {
    /// What `model.labeler` knows.
    public var labelers = LabelerRegistry.standard
    /// What `model.image_text` knows.
    public var imageTexts = ImageTextRegistry.standard
    /// What `model.language` knows.
    public var languages = LanguageRegistry.standard
    /// What `model.vision_language` knows.
    public var visionLanguages = VisionLanguageRegistry.standard

    /// The program's own.
    public init() {}
}
