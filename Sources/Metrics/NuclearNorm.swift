import COpenBLAS
import Kernels
import Tensors

/// The sum of a matrix's singular values.
enum NuclearNorm {
    /// The nuclear norm of a column-major matrix, `rows` x `columns`, which is overwritten.
    static func of(_ matrix: Scratch<Double>, rows: Int, columns: Int, metric: String) throws -> Double {
        var values = [Double](repeating: 0, count: min(rows, columns))
        var m = Int32(rows)
        var n = Int32(columns)
        var one: Int32 = 1
        var left = 0.0
        var right = 0.0
        var query = 0.0
        var length: Int32 = -1
        var code: Int32 = 0
        var integers = [Int32](repeating: 0, count: 8 * values.count)
        dgesdd_(
            "N", &m, &n, matrix.pointer, &m, &values, &left, &one, &right, &one, &query, &length, &integers, &code)
        let work = try Scratch<Double>(Int(query))
        length = Int32(work.count)
        dgesdd_(
            "N", &m, &n, matrix.pointer, &m, &values, &left, &one, &right, &one, work.pointer, &length, &integers,
            &code)
        guard code == 0 else { throw MetricError.notConverged(metric: metric, routine: "dgesdd", code: Int(code)) }
        return values.reduce(0, +)
    }
}
