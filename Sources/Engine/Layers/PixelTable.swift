import Tensors

/// What each byte of an image becomes: the range of values that a network wants.
public struct PixelTable: Sendable {
    /// 256 values for all channels, or 256 for each of three.
    public let values: [Float]

    /// scale · x + shift.
    public init(scale: Float, shift: Float) { values = (0..<256).map { Float($0) * scale + shift } }

    /// A value for each byte, in all channels.
    public init(_ value: (UInt8) -> Float) { values = (0..<256).map { value(UInt8($0)) } }

    /// The table of each of three channels, one after the other.
    /// - Throws: `TensorError.shape` for another number than 768.
    public init(channels values: [Float]) throws {
        guard values.count == 768 else {
            throw TensorError.shape(operation: "pixels", message: "wanted 3 × 256 values, got \(values.count)")
        }
        self.values = values
    }

    /// What a byte stands for, less the mean and over the deviation of each of three channels, in f32 as torchvision normalises.
    /// - Parameter value: of a byte; its share of 255, as torchvision's `ToTensor` divides, where it is not given.
    /// - Throws: `TensorError.shape` for another number of channels.
    public init(
        mean: [Double], deviation: [Double], _ value: (Int) -> Float = { Float($0) / 255 }
    ) throws {
        try self.init(
            channels: zip(mean, deviation).flatMap { mean, deviation in
                (0..<256).map { (value($0) - Float(mean)) / Float(deviation) }
            })
    }
}
