import Tensors

/// An order of rows that depends on their content only, so that metrics that shuffle do not depend on the order of files.
enum RowOrder {
    /// Row indexes sorted by the rows' values, column by column; equal rows keep their places, where they do not matter.
    static func byContent(_ features: FeatureSet) -> [Int] {
        let dimension = features.dimension
        if features.tensor.dtype == .f32 {
            return sorted(features.tensor.pointer.assumingMemoryBound(to: Float.self), features.rows, dimension)
        }
        return sorted(features.tensor.pointer.assumingMemoryBound(to: Double.self), features.rows, dimension)
    }

    private static func sorted<Value: Comparable>(
        _ values: UnsafePointer<Value>, _ rows: Int, _ dimension: Int
    ) -> [Int] {
        (0..<rows).sorted { left, right in
            let (a, b) = (values + left * dimension, values + right * dimension)
            for column in 0..<dimension where a[column] != b[column] { return a[column] < b[column] }
            return left < right
        }
    }
}
