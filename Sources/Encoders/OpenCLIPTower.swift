import Checkpoints
import Devices
import Engine
import Files
import Foundation
import Imaging
import Networks
import Tensors

/// The image network of an open_clip checkpoint with a DINOv2 transformer of timm, as BiomedCLIP-CXR-518: what LLaVA-Rad sees with.
///
/// Its folder holds open_clip's description, one `.json`, and the weights, one `.pt`; the texts' side of the file is left alone.
public final class OpenCLIPTower: FolderNetwork {
    /// The network, under the names of DINOv2's files on the Hub.
    private let network: Dinov2Network
    /// Its files, and what it runs on.
    public let model: ModelFiles
    private let table: PixelTable

    /// CLIP's mean and deviation of pixels, which open_clip takes where its description names none.
    private static let mean = [0.48145466, 0.4578275, 0.40821073]
    private static let deviation = [0.26862954, 0.26130258, 0.27577711]
    /// What tensors of this side are called, and how a training on several processors called them.
    private static let prefixes = ["module.visual.trunk.", "visual.trunk."]

    /// Loads a folder, or a Hub name found in the local cache; the weights strictly.
    /// - Throws: `CheckpointError` and `FileError` where a file is absent, damaged or of another network.
    public init(_ place: String, dtype: DType, on device: Device = .standard) throws {
        let folder = try HubCache.locate(place)
        let description = try Self.only([".json"], in: folder)
        let side = try Self.imageSide(description)
        let checkpoint = try Checkpoint.open(Self.only([".pt", ".bin", ".pth", ".safetensors"], in: folder))
            .renamed { name in
                Self.prefixes.first(where: name.hasPrefix).map { Self.hubName(String(name.dropFirst($0.count))) }
            }
            .split { name in
                guard let part = name.range(of: ".attention.qkv.") else { return nil }
                return ["query", "key", "value"].map {
                    name.replacingCharacters(in: part, with: ".attention.attention.\($0).")
                }
            }
        network = try Dinov2Network(Self.configuration(checkpoint, side: side, of: description))
        table = try PixelTable(mean: Self.mean, deviation: Self.deviation)
        model = try ModelFiles(checkpoint, beside: [description], dtype: dtype, on: device)
        try network.parameters.load(checkpoint)
    }

    /// Every parameter, under the names of DINOv2's files on the Hub.
    public var parameters: ParameterScope { network.parameters }
    /// Channels of a patch's state.
    public var width: Int { network.configuration.hiddenSize }
    /// How many patches an image has.
    public var patchCount: Int { network.configuration.grid * network.configuration.grid }
    /// Layers of the network.
    public var layers: Int { network.configuration.layers }

    /// The steps from an image to pixels, open_clip's: Pillow's sizes, torchvision's centre.
    public var preprocessing: String {
        let side = network.configuration.imageSize
        return "RGB; shortest edge \(side) bicubic (Pillow, antialiased); centre crop \(side)x\(side) (half to even); "
            + "x/255; mean \(Self.mean), std \(Self.deviation)"
    }

    /// The bytes u8 `[S, S, 3]` of an image.
    public func preprocess(_ image: Image) throws -> Tensor {
        let side = network.configuration.imageSize
        return try image.converted(to: .rgb).resized(shortestEdge: side, filter: .bicubic)
            .centerCropped(width: side, height: side, rule: .halfToEven).tensor()
    }

    /// The states f32 `[N, T, C]` of the patches of preprocessed images u8 `[S, S, 3]`, behind all layers but the last `skipped`.
    /// - Throws: `TensorError` for other images, and where a state is not finite; `FileError` where the weights were changed in use.
    public func patches(_ images: [Tensor], skipping skipped: Int) throws -> Tensor {
        let side = network.configuration.imageSize
        guard !images.isEmpty, images.allSatisfy({ $0.dtype == .u8 && $0.shape == [side, side, 3] }) else {
            throw TensorError.shape(
                operation: "vision tower",
                message: "wanted u8 images [\(side), \(side), 3], got "
                    + (images.first.map { "\($0.dtype) \(Tensor.text($0.shape))" } ?? "none"))
        }
        let states = try patches(images, skipping: skipped, on: model.executor)
        try model.checkpoint.checkUnchanged()
        try model.checkFinite(states, of: "vision tower")
        return states
    }

    private func patches<X: Executor>(_ images: [Tensor], skipping skipped: Int, on executor: X) throws -> Tensor {
        try executor.map(images.count, .pieces(atMost: 1)) { [network, table] execution, rows -> [X.Run.Value] in
            let pixels = try execution.pixels(execution.value(EncoderInput.stack(images[rows])), table)
            return [try network.patches(pixels, skipping: skipped, on: execution)]
        }[0]
    }

    // MARK: Files

    /// The only file of a folder with one of some endings.
    private static func only(_ endings: [String], in folder: String) throws -> String {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            throw FileError.unreadable(path: folder, reason: "wanted a folder with a .json and a .pt of open_clip")
        }
        let found = names.filter { name in endings.contains { name.hasSuffix($0) } }
        guard let name = found.first, found.count == 1 else {
            throw FileError.unreadable(
                path: folder,
                reason: "wanted one file that ends in " + endings.joined(separator: " or ") + ", got "
                    + (found.isEmpty ? "none" : "\(found.count): " + found.prefix(10).joined(separator: ", ")))
        }
        return Paths.joined(folder, name)
    }

    /// The side of images that open_clip's description names.
    private static func imageSide(_ path: String) throws -> Int {
        let whole = try ConfigurationReader(path)
        guard let vision = whole.value("vision_cfg"), let members = vision.object else {
            throw whole.fault("vision_cfg", "it is not there: this is no description of an open_clip model")
        }
        for key in ["embed_dim", "text_cfg"] { _ = whole.value(key) }
        try whole.refuseUnknown()
        let reader = ConfigurationReader(path: path, members)
        let name = try reader.string("timm_model_name", default: "")
        guard name.hasPrefix("vit_"), name.contains("_dinov2"), !name.contains("_reg4_"), !name.contains("giant") else {
            throw reader.fault(
                "timm_model_name", "wanted a DINOv2 transformer, such as vit_base_patch14_dinov2, got \"\(name)\"")
        }
        let side = try reader.integer("image_size", 1...8192, default: 518)
        // How the class token is projected is not asked, nor what timm would load by itself.
        try reader.refuseUnknown(ignored: ["timm_model_pretrained", "timm_pool", "timm_proj", "timm_proj_bias"])
        return side
    }

    /// The sizes that the shapes of a file tell.
    private static func configuration(
        _ checkpoint: Checkpoint, side: Int, of description: String
    ) throws -> Dinov2Configuration {
        func fault(_ name: String, _ reason: String) -> FileError {
            .malformed(path: checkpoint.path, location: "tensor \"\(name)\"", reason: reason)
        }
        let (first, table) = ("embeddings.patch_embeddings.projection.weight", "embeddings.position_embeddings")
        guard let patch = checkpoint.shape(of: first), let places = checkpoint.shape(of: table) else {
            throw fault(
                "visual.trunk.patch_embed.proj.weight", "it is not there: this is no open_clip model with a timm trunk")
        }
        guard patch.count == 4, patch[2] == patch[3], (1...side).contains(patch[2]), patch[0] <= 16_384 else {
            throw fault("visual.trunk.patch_embed.proj.weight", "wanted [C, 3, P, P], got \(Tensor.text(patch))")
        }
        let layers = (0..<512).first { !checkpoint.contains("encoder.layer.\($0).norm1.weight") } ?? 512
        let inner = checkpoint.shape(of: "encoder.layer.0.mlp.fc1.weight")?.first ?? 0
        let grid = side / patch[2]
        guard places == [1, grid * grid + 1, patch[0]] else {
            throw fault(
                "visual.trunk.pos_embed",
                "wanted \(Tensor.text([1, grid * grid + 1, patch[0]])) for images of \(side) pixels, as \(description) "
                    + "says, got \(Tensor.text(places))")
        }
        do {
            return try Dinov2Configuration(
                timmWidth: patch[0], layers: layers, mlpSize: inner, patchSize: patch[2], imageSize: side)
        } catch let error as TensorError {
            throw fault("visual.trunk.patch_embed.proj.weight", String(describing: error))
        }
    }

    /// The name that DINOv2's files on the Hub use for a tensor of timm's.
    private static func hubName(_ name: String) -> String {
        let whole = [
            "cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings",
            "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
            "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias", "norm.weight": "layernorm.weight",
            "norm.bias": "layernorm.bias",
        ]
        if let known = whole[name] { return known }
        guard name.hasPrefix("blocks.") else { return name }
        return "encoder.layer."
            + name.dropFirst("blocks.".count).replacing(".attn.qkv.", with: ".attention.qkv.")
            .replacing(".attn.proj.", with: ".attention.output.dense.")
            .replacing(".ls1.gamma", with: ".layer_scale1.lambda1").replacing(
                ".ls2.gamma", with: ".layer_scale2.lambda1")
    }
}
