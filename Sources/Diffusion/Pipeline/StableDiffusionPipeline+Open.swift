import Checkpoints
import Encoders
import Files
import Foundation
import Tensors
import Tokenizers

extension StableDiffusionPipeline {
    /// Opens a pipeline in diffusers' layout.
    /// - Parameters:
    ///   - nameOrPath: a folder, or a Hub name found in the local Hugging Face cache (see `HubCache.locate`).
    ///   - dtype: the dtype of the networks, f32 or bf16.
    /// - Throws: `CheckpointError.notFound` where there is no such pipeline; `FileError`, `CheckpointError` and
    ///   `TensorError` where a part is absent, damaged or not supported.
    public static func open(_ nameOrPath: String, dtype: DType) throws -> StableDiffusionPipeline {
        let index = try HubCache.locate(nameOrPath, file: "model_index.json")
        return try open(PipelineFolder((index as NSString).deletingLastPathComponent), dtype: dtype)
    }

    /// Opens a pipeline from its parts.
    /// - Parameter textLength: ids of a text; nil is what the tokenizer states, or else the encoder's positions.
    /// - Throws: see the other `open`.
    public static func open(
        _ folder: PipelineFolder, dtype: DType, textLength: Int? = nil
    ) throws -> StableDiffusionPipeline {
        guard dtype == .f32 || dtype == .bf16 else {
            throw TensorError.dtype(
                operation: "pipeline", message: "a pipeline computes in f32 or bf16, not \(dtype)")
        }
        // What is wrong with small files is said before gigabytes are read.
        let tokenizer = try TokenizerFolder.open(folder.tokenizer)
        _ = try SchedulerConfiguration(folder.scheduler, name: folder.schedulerName)
        return try StableDiffusionPipeline(
            tokenizer: tokenizer, textEncoder: TextEncoderFolder.open(folder.textEncoder, dtype: dtype),
            denoiser: UNet2DConditionModel(folder.unet, dtype: dtype),
            autoencoder: AutoencoderKL(folder.vae, dtype: dtype), scheduler: folder.scheduler,
            schedulerName: folder.schedulerName, textLength: textLength, smallFiles: folder.smallFiles())
    }
}

extension PipelineFolder {
    /// A pipeline whose parts lie in several places, each a folder or a Hub name found in the local cache.
    /// - Parameters:
    ///   - unet: of the denoiser; `vae`, `textEncoder` and `tokenizer` likewise. A folder within a Hub repository stands
    ///     behind its name: `microsoft/radedit/unet`.
    ///   - scheduler: the options of the scheduler, its `_class_name` among them.
    /// - Throws: `CheckpointError.notFound` for a part that is nowhere.
    public static func parts(
        unet: String, vae: String, textEncoder: String, tokenizer: String, scheduler: JSON
    ) throws -> PipelineFolder {
        PipelineFolder(
            unet: try locate(unet, file: "config.json"), vae: try locate(vae, file: "config.json"),
            textEncoder: try locate(textEncoder, file: "config.json"),
            tokenizer: try locate(tokenizer, file: nil), scheduler: scheduler, schedulerName: "scheduler")
    }

    /// The folder of a part, in which `file` must lie where one is named.
    private static func locate(_ place: String, file: String?) throws -> String {
        var name = place
        var wanted = file
        // The third and later words of a Hub name are a folder in the repository; "@revision" belongs to the second.
        let words = place.split(separator: "/", omittingEmptySubsequences: false)
        let isPath = place.hasPrefix("/") || place.hasPrefix(".") || place.hasPrefix("~")
        if words.count > 2, !isPath, !FileManager.default.fileExists(atPath: place) {
            name = words[..<2].joined(separator: "/")
            wanted = (words[2...].map(String.init) + [file].compactMap { $0 }).joined(separator: "/")
        }
        let found = try HubCache.locate(name, file: wanted)
        return file.map { String(found.dropLast($0.utf8.count + 1)) } ?? found
    }

    /// The files of the tokenizer and the scheduler that are there, with their SHA-256.
    func smallFiles() throws -> [(file: String, sha256: String)] {
        let names = [
            "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
            "merges.txt", "vocab.txt",
        ]
        let paths = names.map { "\(tokenizer)/\($0)" } + [index, index == nil ? nil : schedulerName].compactMap { $0 }
        return try paths.filter(FileManager.default.fileExists(atPath:)).map { ($0, try SHA256.hex(file: $0)) }
    }
}
