import Checkpoints
import Devices
import Encoders
import Engine
import Files
import Foundation
import Networks
import Tensors

/// The VQGAN of a folder: the YAML file that it was trained by, and its weights.
public final class VQGAN: CodeAutoencoder, FolderNetwork {
    /// The name that scripts use.
    public static let name = "vqgan"
    /// How `CodeAutoencoderRegistry` opens it.
    static let entry = CodeAutoencoderEntry(parameters: { try parameters($0) }, open: { try VQGAN($0, on: $1) })
    /// The network.
    public let network: VQGANNetwork
    /// Its files, and what it runs on.
    public let model: ModelFiles

    /// Loads a folder, its weights strictly. A checkpoint of Lightning has them under `state_dict`; those of the loss and of pictures
    /// in logs are let be, as is all beside them.
    /// - Parameters:
    ///   - dtype: f32 or bf16.
    ///   - device: what it runs on.
    /// - Throws: `YAMLError`, `FileError` and `CheckpointError` where a file is absent, there twice, damaged or of another network.
    public init(_ folder: String, dtype: DType = .f32, on device: Device = .standard) throws {
        let files = try Self.files(folder)
        network = try VQGANNetwork(VQGANConfiguration(path: files.config))
        model = try ModelFiles(Checkpoint.open(files.weights), beside: [files.config], dtype: dtype, on: device)
        try network.parameters.load(model.checkpoint) { $0.hasPrefix("loss.") || $0 == "colorize" }
    }

    /// The two files of a folder.
    /// - Throws: `FileError` where one is absent, or where several may be meant.
    static func files(_ folder: String) throws -> (config: String, weights: String) {
        (
            try one(folder, [[".yaml", ".yml"]], "sizes"),
            try one(folder, [[".ckpt"], [".safetensors"], [".pt", ".pth", ".bin"]], "weights")
        )
    }

    /// The one file of a folder with one of the endings; the first endings of which there is one count.
    private static func one(_ folder: String, _ kinds: [[String]], _ what: String) throws -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw FileError.missing(path: folder, hint: "a VQGAN is a folder with its .yaml and its .ckpt")
        }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            throw FileError.unreadable(path: folder, reason: "the folder cannot be listed")
        }
        for endings in kinds {
            let found = names.filter { name in endings.contains { name.hasSuffix($0) } }
            if found.count == 1 { return folder + "/" + found[0] }
            if found.count > 1 {
                throw FileError.unreadable(
                    path: folder,
                    reason: "\(found.count) files may be the VQGAN's \(what), leave one: "
                        + found.prefix(10).joined(separator: ", "))
            }
        }
        throw FileError.unreadable(
            path: folder,
            reason: "the folder holds no \(kinds[0][0]), the VQGAN's \(what); "
                + (names.isEmpty ? "it is empty" : "it holds \(names.prefix(10).joined(separator: ", "))"))
    }

    /// The names and shapes of all tensors that the weights of a folder with a YAML file must hold.
    /// - Throws: as `init`.
    static func parameters(_ folder: String) throws -> [(name: String, shape: [Int])] {
        let network = try VQGANNetwork(VQGANConfiguration(path: one(folder, [[".yaml", ".yml"]], "sizes")))
        return network.parameters.parameters.map { ($0.name, $0.shape) }
    }

    /// Every parameter, under taming-transformers' names.
    public var parameters: ParameterScope { network.parameters }
    /// What a user should know of its configuration.
    public var notes: [String] { network.configuration.notes }
    /// How many codes there are.
    public var codebookSize: Int { network.configuration.codes }
    /// Pixels a side of the pictures that it was trained on.
    public var pictureSize: Int { network.configuration.resolution }
    /// Pixels a side of one code.
    public var scale: Int { network.configuration.scale }

    /// Codes of pictures: of each place's vector the nearest entry of the codebook, of several the first.
    /// - Throws: `TensorError` for other pictures, and where what is seen of one is not finite.
    public func encode(_ pictures: Tensor) throws -> Tensor {
        guard pictures.rank == 4, pictures.count > 0, pictures.shape[3] == 3, pictures.dtype == .f32,
            pictures.shape[1] % scale == 0, pictures.shape[2] % scale == 0
        else {
            throw TensorError.shape(
                operation: Self.name,
                message: "wanted pictures f32 [N, H, W, 3] with sides that are multiples of \(scale), got "
                    + "\(pictures.dtype) \(Tensor.text(pictures.shape))")
        }
        defer { model.executor.releaseActivations() }
        let vectors = try vectors(pictures.contiguous(), on: model.executor)
        guard try vectors.array(Float.self).allSatisfy(\.isFinite) else {
            throw TensorError.value(
                operation: Self.name,
                message: "what is seen of a picture is not finite: its values, or the weights, are no numbers")
        }
        let codes = try (0..<pictures.shape[0]).map { try nearest(vectors.narrow(0, $0, 1)) }
        try model.checkpoint.checkUnchanged()
        return try Tensor.cat(codes, axis: 0)
    }

    /// Pictures of codes.
    public func decode(_ codes: Tensor) throws -> Tensor {
        let side = codes.rank == 2 ? Int(Double(codes.shape[1]).squareRoot()) : 0
        guard codes.rank == 2, codes.count > 0, codes.dtype == .i64, side * side == codes.shape[1] else {
            throw TensorError.shape(
                operation: Self.name,
                message: "wanted codes i64 [N, \(codesPerPicture)], or of another square, got \(codes.dtype) "
                    + Tensor.text(codes.shape))
        }
        let codes = try codes.contiguous()
        let values = try codes.array(Int64.self)
        if let place = values.firstIndex(where: { $0 < 0 || $0 >= codebookSize }) {
            throw TensorError.index(
                operation: Self.name,
                message: "the codes go from 0 to \(codebookSize - 1), got \(values[place]) in picture "
                    + "\(place / codes.shape[1] + 1), place \(place % codes.shape[1] + 1)")
        }
        defer { model.executor.releaseActivations() }
        let result = try pictures(codes, side: side, on: model.executor)
        try model.checkpoint.checkUnchanged()
        return result
    }

    private func vectors<X: Executor>(_ pictures: Tensor, on executor: X) throws -> Tensor {
        try executor.map(pictures.shape[0], .spread) { [network] execution, rows -> [X.Run.Value] in
            [try network.encode(execution.value(pictures, rows: rows), on: execution)]
        }[0]
    }

    private func pictures<X: Executor>(_ codes: Tensor, side: Int, on executor: X) throws -> Tensor {
        try executor.map(codes.shape[0], .spread) { [network] execution, rows -> [X.Run.Value] in
            let own = try codes.narrow(0, rows.lowerBound, rows.count)
            return [try network.decode(own, grid: (side, side), on: execution)]
        }[0]
    }

    /// The codes `[1, h · w]` of vectors `[1, h, w, C]`. In f64: in f32, as the reference has it, the squares would hide near entries.
    private func nearest(_ vectors: Tensor) throws -> Tensor {
        let entries = try network.codebook.weight.value().to(.f64)
        let rows = try vectors.reshaped([vectors.shape[1] * vectors.shape[2], vectors.shape[3]]).to(.f64)
        // |z - e|² less |z|², which is the same for all entries.
        let products = try rows.matmul(entries.transposed(0, 1))
        let squares = try Tensor.binary(.multiply, entries, entries).sum(1)
        let codes = try Tensor.binary(.subtract, squares, Tensor.binary(.multiply, products, .integer(2))).argmin(1)
        return try codes.reshaped([1, codes.count])
    }
}
