import COpenBLAS
import CSupport
import Threading

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

    /// What `body` gives for every index of `0 ..< count`, several at a time, each on one thread with its matrix products: those
    /// of one index at a time would leave threads waiting for each other between them. Not from within itself.
    /// - Throws: the first error of `body`.
    public static func map<Value>(_ count: Int, _ body: (Int) throws -> Value) throws -> [Value] {
        let usual = openblas_get_num_threads()
        openblas_set_num_threads(1)
        defer { openblas_set_num_threads(usual) }
        return try Parallel.map(count, body).map { try $0.get() }
    }
}
