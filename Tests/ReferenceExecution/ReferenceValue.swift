import Engine
import Tensors

/// A value of the reference: numbers in row-major order.
public struct ReferenceValue: ExecutionValue {
    /// The sizes.
    public let shape: [Int]
    /// What other executions would call these numbers; bytes are u8.
    public let dtype: DType
    /// The numbers.
    public let numbers: [Dual]

    /// Numbers of a shape.
    public init(_ numbers: [Dual], _ shape: [Int], _ dtype: DType = .f32) {
        self.numbers = numbers
        self.shape = shape
        self.dtype = dtype
    }

    /// The last size.
    var channels: Int { shape.last ?? 1 }
    /// How many runs of `channels` there are.
    var rows: Int { channels == 0 ? 0 : numbers.count / channels }

    /// The numbers without their slopes.
    public var values: [Double] { numbers.map(\.value) }
    /// The slopes.
    public var slopes: [Double] { numbers.map(\.slope) }

    func map(_ change: (Dual) -> Dual) -> ReferenceValue { ReferenceValue(numbers.map(change), shape) }

    /// Changes each number by its place.
    func indexed(_ change: (Int, Dual) -> Dual) -> ReferenceValue {
        ReferenceValue(numbers.enumerated().map { change($0.offset, $0.element) }, shape)
    }

    /// For each number the one of rows `[1 or N, channels]` that belongs to its image and channel.
    func meeting(_ row: ReferenceValue, _ change: (Dual, Dual) -> Dual) throws -> ReferenceValue {
        let images = shape.first ?? 1
        guard row.shape == [1, channels] || row.shape == [images, channels] else {
            throw TensorError.shape(
                operation: "reference", message: "\(Tensor.text(row.shape)) beside \(Tensor.text(shape))")
        }
        let each = numbers.count / images
        return indexed { index, number in
            let image = row.shape[0] == 1 ? 0 : index / each
            return change(number, row.numbers[image * channels + index % channels])
        }
    }
}
