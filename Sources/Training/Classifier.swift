import Checkpoints
import Devices
import Foundation
import ArrayKernels
import Engine
import Networks
import Recording
import Tensors

/// A network that says for each class how likely an image shows it; trained and used here.
public final class Classifier {
    /// The network's name.
    public let name: String
    /// How many classes.
    public let classes: Int
    let network: ClassifierNetwork
    let parameters: ParameterSet
    private let device: Device
    private var madeRecorders: Recorders?
    private let executor: any Executor

    /// A classifier with weights from a file, or drawn by PyTorch's rules from `seed`.
    ///
    /// A head of another size in the file is replaced by a new one, drawn from `seed`.
    /// - Parameter known: the networks that there are.
    /// - Throws: `CheckpointError`, `FileError` for a wrong file; `RegistryError` for an unknown name.
    public init(
        _ name: String, classes: Int, weights: String? = nil, seed: UInt64 = 42,
        of known: ClassifierRegistry = .standard, on device: Device = .standard
    ) throws {
        self.name = name
        self.classes = classes
        network = try known.make(name, classes: classes)
        try known.fill(network, name, seed: seed)
        let declared = network.parameters.parameters
        if let weights {
            let head = network.head + "."
            let file = try Checkpoint.open(weights).strippingPrefixes(toFit: declared.map(\.name))
            let inFile = file.names.contains(head + "weight") ? try file[head + "weight"].shape.first : nil
            let sameHead = inFile == classes
            let wanted = declared.filter { sameHead || !$0.name.hasPrefix(head) }
            let tensors = try file.load(into: wanted.map { ($0.name, $0.shape) }) {
                $0.hasSuffix(".num_batches_tracked") || $0.hasPrefix(head)
            }
            for (parameter, tensor) in zip(wanted, tensors) { try parameter.load(tensor) }
        }
        parameters = try ParameterSet(network.parameters)
        self.device = device
        executor = try device.executor(dtype: .f32)
    }

    /// The bytes of weights, gradients and an optimizer's state.
    public var byteCount: Int { parameters.parameters.reduce(0) { $0 + $1.shape.reduce(4, *) * 4 } }

    /// Writes the weights as safetensors under timm's names, whole or not at all.
    public func save(_ path: String) throws {
        try SafeTensors.write(path, parameters.values(), metadata: ["network": name, "classes": String(classes)])
    }

    /// A classifier from a file that `save` wrote.
    /// - Throws: `TrainingError.checkpoint` for another file, `RegistryError` for one of a network that is not `known`.
    public static func load(_ path: String, of known: ClassifierRegistry = .standard) throws -> Classifier {
        let metadata = try Checkpoint.open(path).metadata
        guard let name = metadata["network"], let classes = metadata["classes"].flatMap({ Int($0) }) else {
            throw TrainingError.checkpoint(path: path, message: "not a classifier that was saved here")
        }
        return try Classifier(name, classes: classes, weights: path, of: known)
    }

    /// Logits f32 `[N, classes]` of normalised images f32 `[N, H, W, 3]`, by the fused network.
    public func forward(_ images: Tensor) throws -> Tensor {
        guard images.rank == 4, images.shape[3] == 3, images.dtype == .f32 else {
            throw TensorError.shape(
                operation: name,
                message: "wanted f32 images [N, H, W, 3], got \(images.dtype) \(Tensor.text(images.shape))")
        }
        let batch = try images.contiguous()
        return try logits(batch, on: executor) ?? Tensor(uninitialized: [0, classes])
    }

    private func logits<X: Executor>(_ batch: Tensor, on executor: X) throws -> Tensor? {
        try executor.map(batch.shape[0], .pieces(atMost: 1)) { [network] execution, rows -> X.Run.Value in
            let images = try execution.value(batch.narrow(0, rows.lowerBound, rows.count))
            return try network.forward(images, on: execution)
        }
    }

    /// Probabilities f32 `[N, classes]` of image files.
    public func predict(_ paths: [String], batch: Int = 32) throws -> Tensor {
        try probabilities(logits(paths, batch: batch, from: PreparedImages()))
    }

    /// Probabilities f32 `[N, classes]` of images that `PreparedImages.classifierPixels` made.
    public func probabilities(prepared images: [Tensor]) throws -> Tensor {
        try probabilities(forward(ClassifierInput.batch(images.count) { images[$0] }))
    }

    private func probabilities(_ logits: Tensor) throws -> Tensor {
        try logits.withElements(Float.self) { values in
            guard let base = values.baseAddress else { return }
            VectorMath.sigmoid(base, base, values.count)
        }
        return logits
    }

    /// Logits of image files, without augmentation.
    /// - Parameter onImages: is called after each batch with the number of its images.
    func logits(
        _ paths: [String], batch: Int, from images: PreparedImages, onImages: (Int) -> Void = { _ in }
    ) throws -> Tensor {
        let size = max(1, batch)
        let result = try Tensor(uninitialized: [paths.count, classes])
        let starts = Array(stride(from: 0, to: paths.count, by: size))
        let reader = BatchReader(starts.count) { index in
            let part = Array(paths[starts[index]..<min(paths.count, starts[index] + size)])
            return try ClassifierInput.batch(
                part, [ClassifierInput.Augmentation?](repeating: nil, count: part.count), from: images)
        }
        defer { reader.stop() }
        for start in starts {
            try Cancellation.check()
            let rows = try forward(reader.next())
            (result.pointer + start * classes * 4).copyMemory(from: rows.pointer, byteCount: rows.count * 4)
            onImages(rows.shape[0])
        }
        return result
    }

    /// What records the steps of training, from the first one on.
    /// - Throws: `EngineError.unsupported` where the device does not train.
    func recorders() throws -> Recorders {
        if let madeRecorders { return madeRecorders }
        let made = try device.recorders()
        madeRecorders = made
        return made
    }

    /// Forgets what the executor made of the weights, after they have changed.
    func weightsChanged() { executor.forget() }
}
