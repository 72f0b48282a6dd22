import Files

/// A text-to-image model that the program knows by name: where it lies, and what CheXGenBench runs it with.
public struct KnownGenerator {
    /// The name for `model.pipeline` and for experiments.
    public let name: String
    /// What it is, in a sentence.
    public let about: String
    /// The Hub names that it is loaded from, the model's own weights first, each with a file that is in it. None of a model that is on no
    /// Hub.
    public let places: [(place: String, file: String)]
    /// Options that must be given, as its parts lie on no Hub.
    public let wanted: [String]
    /// The reference's steps; 1 of a model without steps.
    public let steps: Int
    /// The reference's guidance scale; nil of a model without one.
    public let guidanceScale: Double?
    /// Other settings with which `generate` follows the reference.
    public let settings: [(name: String, value: JSON)]

    /// Describes a model.
    public init(
        _ name: String, about: String, places: [(place: String, file: String)] = [], wanted: [String] = [],
        steps: Int, guidanceScale: Double? = nil, settings: [(name: String, value: JSON)] = []
    ) {
        self.name = name
        self.about = about
        self.places = places
        self.wanted = wanted
        self.steps = steps
        self.guidanceScale = guidanceScale
        self.settings = settings
    }

    /// A model whose folder is in diffusers' layout.
    public init(
        _ name: String, _ place: String, about: String, steps: Int, guidanceScale: Double,
        settings: [(name: String, value: JSON)] = []
    ) {
        self.init(
            name, about: about, places: [(place, "model_index.json")], steps: steps, guidanceScale: guidanceScale,
            settings: settings)
    }
}

/// The models that the program knows by name. How one is loaded whose parts lie apart, `lua/chexgen/models.lua` says.
public enum GeneratorCatalog {
    /// The program's own, in the order of lists.
    public static let standard = Registry<KnownGenerator>(
        "generator",
        [
            KnownGenerator(
                "SD-V1-4", "CompVis/stable-diffusion-v1-4", about: "Stable Diffusion 1.4", steps: 50,
                guidanceScale: 7.5),
            KnownGenerator(
                "SD-V1-5", "stable-diffusion-v1-5/stable-diffusion-v1-5", about: "Stable Diffusion 1.5", steps: 50,
                guidanceScale: 7.5),
            KnownGenerator(
                "SD-V2", "stabilityai/stable-diffusion-2", about: "Stable Diffusion 2", steps: 50, guidanceScale: 7.5),
            KnownGenerator(
                "SD-V2-1", "stabilityai/stable-diffusion-2-1", about: "Stable Diffusion 2.1", steps: 50,
                guidanceScale: 7.5),
            KnownGenerator(
                "pixart_sigma", "raman07/CheXGenBench-Models-Pixart-Sigma",
                about: "PixArt-Sigma, as CheXGenBench fine-tuned it", steps: 20, guidanceScale: 4.5),
            KnownGenerator(
                "sana", "raman07/CheXGenBench-Models-Sana-e20", about: "Sana 0.6B, as CheXGenBench fine-tuned it",
                steps: 20, guidanceScale: 4.5),
            KnownGenerator(
                "SD-V3-5", "stabilityai/stable-diffusion-3.5-medium", about: "Stable Diffusion 3.5 Medium", steps: 40,
                guidanceScale: 4.5, settings: [("max_sequence_length", .integer(512))]),
            KnownGenerator(
                "flux", "black-forest-labs/FLUX.1-dev", about: "FLUX.1 dev", steps: 50, guidanceScale: 3.5),
            KnownGenerator(
                "lumina", "Alpha-VLLM/Lumina-Image-2.0", about: "Lumina-Image 2.0", steps: 50, guidanceScale: 4,
                settings: [("cfg_trunc_ratio", .number(0.25))]),
            KnownGenerator(
                "radedit", about: "RadEdit",
                places: [
                    ("microsoft/radedit", "unet/config.json"), ("stabilityai/sdxl-vae", "config.json"),
                    ("microsoft/BiomedVLP-BioViL-T", "config.json"),
                ], steps: 100, guidanceScale: 7.5),
            KnownGenerator(
                "llm-cxr", about: "LLM-CXR: a GPT-NeoX that writes the codes of a VQGAN", wanted: ["weights", "vqgan"],
                steps: 1),
        ].map { ($0.name, $0) })
}
