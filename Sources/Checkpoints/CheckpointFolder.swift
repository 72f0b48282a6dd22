import Files
import Foundation

/// Which file of a folder holds the weights.
enum CheckpointFolder {
    /// The usual names, safetensors before pickles and whole files before shards (diffusers, transformers, peft).
    static let usualNames = [
        "model.safetensors", "diffusion_pytorch_model.safetensors", "adapter_model.safetensors",
        "model.safetensors.index.json", "diffusion_pytorch_model.safetensors.index.json",
        "pytorch_model.bin", "diffusion_pytorch_model.bin", "adapter_model.bin",
        "pytorch_model.bin.index.json", "diffusion_pytorch_model.bin.index.json",
    ]
    private static let suffixes = [".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".npz"]

    /// The file that a path means: itself, or the weights of a folder.
    /// - Throws: `FileError` where the folder holds no weights, or several files that may be meant.
    static func weightFile(at path: String, variant: String?) throws -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            return path
        }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path).sorted() } catch {
            throw FileError.unreadable(path: path, reason: "the folder cannot be listed")
        }
        let present = Set(names)
        for name in usualNames.map({ variantName($0, variant) }) where present.contains(name) {
            return "\(path)/\(name)"
        }
        if variant == nil {
            for suffix in suffixes {
                // Whole files before shards; the index of a variant's has the variant in its name.
                for found in [
                    names.filter { $0.hasSuffix(suffix) && !isShard($0) },
                    names.filter { $0.hasSuffix(".json") && $0.contains(suffix + ".index.") },
                ] where !found.isEmpty {
                    if found.count == 1 { return "\(path)/\(found[0])" }
                    throw FileError.unreadable(
                        path: path,
                        reason: "\(found.count) files may be meant, name one: "
                            + found.prefix(10).joined(separator: ", "))
                }
            }
        }
        let wanted = variantName(usualNames[0], variant)
        throw FileError.unreadable(
            path: path,
            reason: "the folder holds no weights such as \(wanted) or \(variantName("pytorch_model.bin", variant)); "
                + (names.isEmpty ? "it is empty" : "it holds \(names.prefix(10).joined(separator: ", "))"))
    }

    /// A name with its variant before the suffix: `model.fp16.safetensors`, `model.safetensors.index.fp16.json`.
    private static func variantName(_ name: String, _ variant: String?) -> String {
        guard let variant, let point = name.lastIndex(of: ".") else { return name }
        return "\(name[..<point]).\(variant)\(name[point...])"
    }

    private static func isShard(_ name: String) -> Bool { name.contains("-of-") }
}

/// The index of weights that are cut into several files: `weight_map` leads from a tensor's name to its file.
struct ShardIndex {
    let path: String
    private let hash: String
    private let fileOfTensor: [(tensor: String, file: String)]
    private static let sizeLimit = 64 << 20
    private static let maximumShards = 4096

    init(_ path: String) throws {
        let data = try FileReader.data(path, limit: ShardIndex.sizeLimit)
        let json = try data.withUnsafeBytes { try JSON.parse($0, name: path) }
        guard case .object(let members)? = json["weight_map"], !members.isEmpty else {
            throw FileError.malformed(
                path: path, location: "", reason: "no index of shards: it has no \"weight_map\" with tensors")
        }
        self.path = path
        self.hash = SHA256.hex(of: data)
        self.fileOfTensor = try members.map { tensor, value in
            guard case .string(let file) = value, !file.isEmpty, !file.contains("/"), !file.contains("\\"),
                file != "..", !file.utf8.contains(0), !file.hasSuffix(".json")
            else {
                throw FileError.malformed(
                    path: path, location: "weight_map.\(tensor.prefix(200))",
                    reason: "wanted the name of a file in the same folder")
            }
            return (tensor, file)
        }
    }

    /// Opens every shard. Each tensor of the index must be in its shard; a tensor that only a shard knows is kept as well.
    func open(as opened: String, headerLimit: Int) throws -> Checkpoint {
        let folder = Paths.dirname(path)
        let wanted = Dictionary(fileOfTensor.map { ($0.tensor, $0.file) }, uniquingKeysWith: { first, _ in first })
        var sources: [Checkpoint.Source] = [.text(path: path, hash: hash)]
        var tensors: [(name: String, record: TensorRecord)] = []
        var metadata: [String: String] = [:]
        let shards = Set(fileOfTensor.map { $0.file }).sorted()
        guard shards.count <= ShardIndex.maximumShards else {
            throw FileError.malformed(path: path, location: "weight_map", reason: "\(shards.count) shards are too many")
        }
        let tensorsOfShard = Dictionary(grouping: fileOfTensor) { $0.file }
        for shard in shards {
            let shardPath = folder.isEmpty ? shard : "\(folder)/\(shard)"
            let file: MappedFile
            do { file = try MappedFile(shardPath) } catch FileError.missing {
                throw FileError.missing(path: shardPath, hint: "\(path) lists it among \(shards.count) shards")
            }
            let content = try CheckpointContent.read(file, headerLimit: headerLimit)
            var found = Set<String>()
            for (name, record) in content.tensors where wanted[name] ?? shard == shard {
                tensors.append((name, record))
                found.insert(name)
            }
            for (tensor, _) in tensorsOfShard[shard] ?? [] where !found.contains(tensor) {
                throw FileError.malformed(
                    path: shardPath, location: "tensor \"\(tensor)\"", reason: "missing, though \(path) lists it")
            }
            metadata.merge(content.metadata) { first, _ in first }
            sources.append(.mapped(file))
        }
        return try Checkpoint(path: opened, tensors: tensors, metadata: metadata, sources: sources)
    }
}
