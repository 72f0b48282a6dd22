/// Gradients of rows `[1 or images, channels]` that are multiplied or added to all places of an image; f32.
public enum NetChannelGradient {
    /// target[image, channel] += the sum over the image's places of gradient, or of gradient · x.
    /// - Parameters:
    ///   - x: `[images · rowsPerImage, channels]`, as `gradient`; nil sums the gradient alone.
    ///   - stride: elements from an image's row of the target to the next one's; 0 where all share it.
    public static func addSums(
        _ gradient: UnsafePointer<Float>, _ x: UnsafePointer<Float>?, _ target: UnsafeMutablePointer<Float>,
        images: Int, rowsPerImage: Int, channels: Int, stride: Int
    ) {
        var sums = [Double](repeating: 0, count: channels)
        for image in 0..<images {
            for index in 0..<channels { sums[index] = 0 }
            for row in image * rowsPerImage..<(image + 1) * rowsPerImage {
                let start = row * channels
                for index in 0..<channels {
                    let value = gradient[start + index]
                    sums[index] += x.map { Double(value) * Double($0[start + index]) } ?? Double(value)
                }
            }
            for index in 0..<channels { target[image * stride + index] += Float(sums[index]) }
        }
    }

    /// target[y, x] += the gradients of the pixels that show it, of images enlarged to the nearest neighbour.
    /// - Parameters:
    ///   - rows, columns: the source of each row and column of `gradient`.
    public static func addNeighbours(
        _ gradient: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, rows: [Int], columns: [Int],
        width: Int, channels: Int
    ) {
        for (y, row) in rows.enumerated() {
            for (x, column) in columns.enumerated() {
                let (from, to) = ((y * columns.count + x) * channels, (row * width + column) * channels)
                for index in 0..<channels { target[to + index] += gradient[from + index] }
            }
        }
    }
}
