import Diffusion
import Language

/// Which parameters name places on a disk beside those that all experiments have: models declare them whose files lie
/// in several.
public enum DeclaredPlaces {
    /// The last words of the parameters' names.
    public static let names = Set(
        PipelineRegistry.standard.separateParts.map(\.part.name) + VisionLanguageFiles.Part.allCases.map(\.rawValue))
}
