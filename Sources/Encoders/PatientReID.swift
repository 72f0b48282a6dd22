import Checkpoints
import Devices
import Engine
import Identity
import Imaging
import Networks
import Tensors

/// An encoder whose features say, of two images, how likely they show the same.
public protocol ComparingEncoder: Encoder {
    /// The probability, f32 `[N]`, that the images of features `[N, D]` and `[N, D]` show the same, row by row.
    /// - Throws: `TensorError.shape` for other shapes.
    func similarity(_ a: Tensor, _ b: Tensor) throws -> Tensor
    /// The same, f32 `[N, M]`, of every row of `a` with every row of `b`.
    func similarities(_ a: Tensor, _ b: Tensor) throws -> Tensor
}

/// `patient-reid`: whether two films are of one patient (Packhäuser et al., 2022), by the ResNet-50 that they published.
public final class PatientReID: ComparingEncoder, VectorEncoder {
    /// The file that its authors publish.
    public static let weightsFile = "ResNet-50_epoch11_data_handling_RPN.pth"

    /// The encoder, as evaluations know it.
    public static let entry = EncoderEntry(
        name: "patient-reid", about: "the Siamese ResNet-50 that tells whether two films are of one patient",
        columnEnding: " (Patient Re-ID)", comparesSets: false,
        weights: .init(
            place: weightsFile,
            hint: "get \(weightsFile) from https://github.com/kaipackhaeuser/CXR-Patient-ReID and name its path"),
        outputs: [output], load: { try PatientReID(weights: $0, dtype: $1.dtype, on: $1.device) },
        look: { try SiameseResNet().parameters.check(Checkpoint.open($0), ignoring: isForeign) },
        parameters: { _ in try SiameseResNet().parameters.parameters.map { ($0.name, $0.shape) } })

    private static let output = "sigmoid"

    /// `patient-reid`.
    public let name = "patient-reid"
    /// The 128 answers after the sigmoid.
    public let outputs = [EncoderOutput(PatientReID.output, width: SiameseResNet.width)]
    let network: SiameseResNet
    let model: ModelFiles
    /// The layer over the differences.
    private let weights: [Float]
    private let bias: Float

    /// Loads a weight file, strictly.
    /// - Throws: `CheckpointError` and `FileError` where the file is absent, damaged or of another network.
    public init(weights: String, dtype: DType, on device: Device = .standard) throws {
        model = try ModelFiles(Checkpoint.open(weights), dtype: dtype, on: device)
        network = try SiameseResNet()
        try network.parameters.load(model.checkpoint, ignoring: Self.isForeign)
        self.weights = try network.weight.floats()
        bias = try network.bias.floats().first ?? 0
    }

    /// Whether a tensor may stand beside the parameters.
    @Sendable private static func isForeign(_ name: String) -> Bool { name.hasSuffix(".num_batches_tracked") }

    /// CheXGenBench squeezes films to 224 and takes bytes as fractions; the authors' own are 256, with ImageNet's mean and
    /// deviation.
    public func preprocessing(_ way: Protocol) -> String {
        switch way {
        case .chexgenbench: return "RGB; 224x224 bilinear (Pillow, antialiased); x/255"
        case .exact:
            return
                "RGB; 256x256 bilinear (Pillow, antialiased); x/255; mean \(ImageNet.mean), std \(ImageNet.deviation)"
        }
    }

    /// Bytes u8 `[224, 224, 3]`, or normalised f32 `[256, 256, 3]`.
    public func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor {
        let side = way == .exact ? 256 : 224
        let bytes = try image.converted(to: .rgb).resized(width: side, height: side, filter: .bilinear).tensor()
        return way == .exact ? try ImageNet.normalised(bytes) : bytes
    }

    /// The sigmoid of the answers.
    func features(_ answers: Tensor) throws -> Tensor { try answers.unary(.sigmoid) }

    /// The probability that two films are of one patient, row by row.
    public func similarity(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        let (first, second) = try (checked(a), checked(b))
        guard first.shape == second.shape else {
            throw TensorError.shape(
                operation: name, message: "\(first.shape[0]) rows beside \(second.shape[0]): wanted as many")
        }
        return try scores(first, second, [first.shape[0]]) { $0..<$0 + 1 }
    }

    /// The probability that two films are of one patient, of all pairs.
    public func similarities(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        let (first, second) = try (checked(a), checked(b))
        return try scores(first, second, [first.shape[0], second.shape[0]]) { _ in 0..<second.shape[0] }
    }

    private func checked(_ features: Tensor) throws -> Tensor {
        guard features.rank == 2, features.shape[1] == dimension, features.dtype == .f32 else {
            throw TensorError.shape(
                operation: name,
                message: "wanted features f32 [N, \(dimension)], got \(features.dtype) \(Tensor.text(features.shape))")
        }
        return try features.contiguous()
    }

    /// The scores of each row of `a` with some rows of `b`, as many for each, in the shape of the result.
    private func scores(
        _ a: Tensor, _ b: Tensor, _ shape: [Int], _ others: (_ row: Int) -> Range<Int>
    ) throws -> Tensor {
        let sums = try Tensor(uninitialized: shape)
        try a.withElements(Float.self) { first in
            try b.withElements(Float.self) { second in
                try sums.withElements(Float.self) { target in
                    guard let first = first.baseAddress, let second = second.baseAddress else { return }
                    for row in 0..<a.shape[0] {
                        if row % 64 == 0 { try Cancellation.check() }
                        let range = others(row)
                        for other in range {
                            target[row * range.count + other - range.lowerBound] =
                                bias + difference(first + row * dimension, second + other * dimension)
                        }
                    }
                }
            }
        }
        return try sums.unary(.sigmoid)
    }

    /// The weighted sum of the absolute differences of two features.
    private func difference(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Float {
        typealias Vector = SIMD16<Float>
        var sum = Vector.zero
        weights.withUnsafeBytes { weights in
            for column in stride(from: 0, to: dimension, by: Vector.scalarCount) {
                let difference =
                    UnsafeRawPointer(a + column).loadUnaligned(as: Vector.self)
                    - UnsafeRawPointer(b + column).loadUnaligned(as: Vector.self)
                let weight = weights.loadUnaligned(fromByteOffset: column * MemoryLayout<Float>.size, as: Vector.self)
                sum += weight * difference.replacing(with: -difference, where: difference .< 0)
            }
        }
        return sum.sum()
    }
}
