import CProducts
import Threading

/// Inner products of feature rows rounded to bf16, at twice the speed of f32, for comparisons that a bound of their error decides.
public enum MetricProducts {
    /// Columns of a product that are packed together.
    private static let panel = CX_PRODUCT_PANEL

    /// Whether this processor has the instructions.
    public static var areFast: Bool { cx_products_are_fast(Int32(CX_PRODUCT_BF16)) != 0 }

    /// Values of a rounded row: an even number.
    public static func width(_ columns: Int) -> Int { (columns + 1) / 2 * 2 }

    /// Columns of the products of so many rows on the right: whole panels.
    public static func stride(_ rows: Int) -> Int { (rows + panel - 1) / panel * panel }

    /// Rounds rows f32 `[rows, columns]` to bf16 `[rows, width(columns)]`.
    /// - Parameter norms: the rows' squared norms.
    /// - Returns: the largest length of a row's rounding error, over the row's length.
    public static func round(
        _ source: UnsafePointer<Float>, rows: Int, columns: Int, norms: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<UInt16>
    ) -> Float {
        let width = width(columns)
        var worst: Float = 0
        for row in 0..<rows {
            let (from, to) = (source + row * columns, target + row * width)
            var errors = SIMD16<Float>.zero
            var column = 0
            while column + 16 <= columns {
                let value = UnsafeRawPointer(from + column).loadUnaligned(as: SIMD16<Float>.self)
                let bits = rounded(unsafeBitCast(value, to: SIMD16<UInt32>.self))
                UnsafeMutableRawPointer(to + column).storeBytes(
                    of: unsafeBitCast(bits, to: SIMD32<UInt16>.self).oddHalf, as: SIMD16<UInt16>.self)
                let error = value - unsafeBitCast(bits, to: SIMD16<Float>.self)
                errors.addProduct(error, error)
                column += 16
            }
            var sum = errors.sum()
            while column < columns {
                let bits = rounded(SIMD16(repeating: from[column].bitPattern))[0]
                to[column] = UInt16(truncatingIfNeeded: bits >> 16)
                let error = from[column] - Float(bitPattern: bits)
                sum += error * error
                column += 1
            }
            if column < width { to[column] = 0 }
            if norms[row] > 0 { worst = max(worst, (sum / norms[row]).squareRoot()) }
        }
        return worst
    }

    /// To the nearest bf16, ties to even; what the products take for 0 becomes 0.
    @inline(__always)
    private static func rounded(_ bits: SIMD16<UInt32>) -> SIMD16<UInt32> {
        var result = (bits &+ 0x7FFF &+ ((bits &>> 16) & 1)) & 0xFFFF_0000
        result.replace(with: SIMD16<UInt32>(repeating: 0), where: (result & 0x7F80_0000) .== 0)
        return result
    }

    /// Values of the packed form of rows of a rounded width.
    public static func packedCount(rows: Int, width: Int) -> Int { stride(rows) * width }

    /// Packs rounded rows as the right side of products.
    public static func pack(
        _ source: UnsafePointer<UInt16>, rows: Int, width: Int, to target: UnsafeMutablePointer<UInt16>
    ) {
        let steps = width / 2
        let words = UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self)
        Parallel.forRanges(stride(rows) / panel) { panels in
            for first in panels.lazy.map({ $0 * panel }) {
                let own = words + first * steps
                for group in Swift.stride(from: 0, to: panel, by: 16) {
                    let count = max(0, min(16, rows - first - group))
                    let rows = UnsafeRawPointer(source + (first + group) * width)
                    for step in 0..<steps {
                        let line = own + step * panel + group
                        for row in 0..<count {
                            let place = row * width + 2 * step
                            line[row] = rows.loadUnaligned(fromByteOffset: 2 * place, as: UInt32.self)
                        }
                        for row in count..<16 { line[row] = 0 }
                    }
                }
            }
        }
    }

    /// products[i][j] = left[i] · right[j], f32 `[leftRows, stride(rightRows)]`.
    public static func multiply(
        _ left: UnsafePointer<UInt16>, leftRows: Int, _ right: UnsafePointer<UInt16>, rightRows: Int, width: Int,
        _ products: UnsafeMutablePointer<Float>
    ) {
        let stride = stride(rightRows)
        Parallel.forEach(stride / panel) { index in
            cx_product(
                Int32(CX_PRODUCT_BF16), left, width * 2, leftRows, right + index * panel * width, Int32(panel),
                width / 2, products + index * panel, stride, nil)
        }
    }
}
