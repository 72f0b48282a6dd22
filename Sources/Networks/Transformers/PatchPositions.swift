import Foundation
import Tensors

/// Where an image's patches are, as sines and cosines of their columns and rows: diffusers' `get_2d_sincos_pos_embed`.
struct PatchPositions {
    /// Channels of a token.
    let channels: Int
    /// Patches a side of the images that the model was trained on: rows and columns are stretched to that many.
    let base: Int
    /// Divides the stretched coordinates.
    let scale: Float

    /// f32 `[1, height · width, channels]` of so many rows and columns of patches: the first half of the channels is of the
    /// columns, the second of the rows; of each half the first half are sines.
    func table(height: Int, width: Int) throws -> Tensor {
        let quarter = channels / 4
        let speeds = (0..<quarter).map { 1 / pow(10_000, Double($0) / Double(quarter)) }
        func waves(_ count: Int) -> [[Float]] {
            (0..<count).map { index in
                let place = Double(Float(index) / (Float(count) / Float(base)) / scale)
                return speeds.map { Float(sin(place * $0)) } + speeds.map { Float(cos(place * $0)) }
            }
        }
        let (rows, columns) = (waves(height), waves(width))
        var values: [Float] = []
        values.reserveCapacity(height * width * channels)
        for row in rows {
            for column in columns { values += column + row }
        }
        return try Tensor(values, shape: [1, height * width, channels])
    }
}
