import COpenBLAS
import CSupport

/// How many threads the process calculates with.
public enum Threads {
    /// The number now.
    public static var count: Int { Int(cx_threads()) }

    /// Sets the number for our own loops, oneDNN and OpenBLAS alike.
    /// - Throws: `TensorError.value` outside 1 ... 1024.
    public static func set(_ count: Int) throws {
        guard (1...1024).contains(count) else {
            throw TensorError.value(operation: "threads", message: "wanted 1 to 1024, got \(count)")
        }
        cx_set_threads(Int32(count))
        openblas_set_num_threads(Int32(count))
    }
}
