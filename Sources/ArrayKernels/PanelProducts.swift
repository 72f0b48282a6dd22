import CProducts
import Threading

/// Products of f32 matrices in which a row's sums go over its inputs in one order: a row has the same bits alone and in any company,
/// with any number of threads, on any processor. Libraries take other kernels for small products and for the last rows.
public enum PanelProducts {
    /// Packed weights that are gone through together: they stay in the last cache.
    private static let packed = 1 << 20
    /// Multiplications between two looks for a request to stop.
    private static let piece = 1 << 28

    /// The operand on the right: element (i, j) lies at `start[i * down + j * across]`.
    public struct Right {
        let start: UnsafePointer<Float>
        let down, across: Int

        /// A matrix with any strides, in elements.
        public init(_ start: UnsafePointer<Float>, down: Int, across: Int) {
            (self.start, self.down, self.across) = (start, down, across)
        }
    }

    /// `c = a b`, where `a` is `[m, k]` and `c` `[m, n]`, both row-major.
    /// - Parameter isShort: whether vectors are as long as those of processors with AVX2 alone.
    /// - Returns: whether all was done: false after a request to stop.
    public static func multiply(
        _ a: UnsafePointer<Float>, _ b: Right, _ c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int,
        isShort: Bool = false
    ) -> Bool {
        let type = Int32(isShort ? CX_PRODUCT_F32_AVX2 : CX_PRODUCT_F32)
        let width = n <= 16 ? 16 : n <= 32 ? 32 : 64
        let panels = (n + width - 1) / width
        let together = max(1, min(panels, packed / max(1, k * width)))
        let weights = UnsafeMutablePointer<Float>.allocate(capacity: together * k * width)
        defer { weights.deallocate() }
        for first in stride(from: 0, to: panels, by: together) {
            let count = min(together, panels - first)
            let work = k * width * count
            let isDone =
                Parallel.forPieces(count, grain: max(1, 65536 / (k * width)), piece: count) { range in
                    for panel in range {
                        pack(b, column: (first + panel) * width, width: width, of: n, k: k, weights + panel * k * width)
                    }
                }
                && Parallel.forPieces(m, grain: max(6, 65536 / work), piece: max(6, piece / work)) { rows in
                    for panel in 0..<count {
                        let column = (first + panel) * width
                        multiply(
                            type, a + rows.lowerBound * k, rows.count, weights + panel * k * width, width,
                            c + rows.lowerBound * n + column, n, of: min(width, n - column), k: k)
                    }
                }
            if !isDone { return false }
        }
        return true
    }

    /// Some rows times a panel, of which `columns` are asked for.
    private static func multiply(
        _ type: Int32, _ rows: UnsafePointer<Float>, _ count: Int, _ panel: UnsafePointer<Float>, _ width: Int,
        _ target: UnsafeMutablePointer<Float>, _ pitch: Int, of columns: Int, k: Int
    ) {
        func product(_ sums: UnsafeMutablePointer<Float>, _ sumsPitch: Int) {
            cx_product(type, rows, k * 4, count, panel, Int32(width), k, sums, sumsPitch, nil)
        }
        if columns == width { return product(target, pitch) }
        let sums = UnsafeMutablePointer<Float>.allocate(capacity: count * width)
        defer { sums.deallocate() }
        product(sums, width)
        for row in 0..<count { (target + row * pitch).update(from: sums + row * width, count: columns) }
    }

    /// Copies columns of a matrix together, zeros in place of those that it does not have.
    private static func pack(
        _ b: Right, column: Int, width: Int, of n: Int, k: Int, _ target: UnsafeMutablePointer<Float>
    ) {
        let columns = min(width, n - column)
        if columns < width { target.update(repeating: 0, count: k * width) }
        let source = b.start + column * b.across
        if b.across == 1 {
            for row in 0..<k { (target + row * width).update(from: source + row * b.down, count: columns) }
            return
        }
        for place in 0..<columns {
            let line = source + place * b.across
            for row in 0..<k { target[row * width + place] = line[row * b.down] }
        }
    }
}
