import Files
import Foundation

/// Where the parts of a pipeline lie: a folder in diffusers' layout, or parts from several places.
public struct PipelineFolder {
    /// The folder of the denoiser.
    public var unet: String
    /// The folder of the autoencoder.
    public var vae: String
    /// The folder of the text encoder.
    public var textEncoder: String
    /// The folder of the tokenizer.
    public var tokenizer: String
    /// The scheduler's options.
    public var scheduler: JSON
    /// What errors about `scheduler` call it.
    public var schedulerName: String
    /// `model_index.json`, where there is one.
    public var index: String?

    /// Parts from several places.
    public init(
        unet: String, vae: String, textEncoder: String, tokenizer: String, scheduler: JSON, schedulerName: String
    ) {
        self.unet = unet
        self.vae = vae
        self.textEncoder = textEncoder
        self.tokenizer = tokenizer
        self.scheduler = scheduler
        self.schedulerName = schedulerName
    }

    /// Reads `model_index.json` of a folder.
    /// - Throws: `FileError` where the index is missing, damaged, or of another pipeline or with parts that are not
    ///   supported.
    public init(_ folder: String) throws {
        let path = folder + "/model_index.json"
        guard FileManager.default.fileExists(atPath: path) else {
            throw FileError.missing(path: path, hint: "a pipeline's folder holds one, in diffusers' layout")
        }
        let json = try JSON.read(path, limit: 1 << 20)
        guard let members = json.object else {
            throw FileError.malformed(path: path, location: "", reason: "wanted a JSON object")
        }
        func fault(_ key: String, _ reason: String) -> FileError {
            .malformed(path: path, location: "\"\(key)\"", reason: reason)
        }
        if let name = json["_class_name"]?.string, name != "StableDiffusionPipeline" {
            throw fault("_class_name", "wanted \"StableDiffusionPipeline\", got \"\(name)\"")
        }
        for (key, value) in members where !key.hasPrefix("_") {
            if Self.ignored.contains(key) { continue }
            guard Self.classes[key] != nil else {
                if value == .null || value == .array([.null, .null]) { continue }
                throw fault(key, "a part that is not supported")
            }
        }
        for (key, known) in Self.classes.sorted(by: { $0.key < $1.key }) {
            guard let name = json[key]?[1]?.string else {
                throw fault(key, "wanted [library, class], got \(json[key]?.text() ?? "nothing")")
            }
            guard known.isEmpty || known.contains(name) else {
                throw fault(key, "wanted \(known.joined(separator: " or ")), got \(name)")
            }
        }
        let schedulerPath = folder + "/scheduler/scheduler_config.json"
        self.init(
            unet: folder + "/unet", vae: folder + "/vae", textEncoder: folder + "/text_encoder",
            tokenizer: folder + "/tokenizer",
            scheduler: try JSON.read(schedulerPath, limit: 1 << 24, allowsNonFinite: true),
            schedulerName: schedulerPath)
        index = path
    }

    /// The parts and their classes; the scheduler and the text models decide for themselves.
    private static let classes: [String: [String]] = [
        "unet": ["UNet2DConditionModel"], "vae": ["AutoencoderKL"], "text_encoder": [], "tokenizer": [],
        "scheduler": [],
    ]
    /// Parts that make no picture: the reference loads `safety_checker = None`.
    private static let ignored: Set<String> = ["safety_checker", "feature_extractor", "requires_safety_checker"]
}
