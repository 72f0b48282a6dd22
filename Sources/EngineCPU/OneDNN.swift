import COneDNN
import Engine
import Foundation
import Tensors

/// The door to oneDNN: one CPU engine for the process, checked statuses, and memory descriptions.
package enum OneDNN {
    /// The CPU engine; made once, never destroyed.
    private static let sharedEngine: dnnl_engine_t? = {
        var engine: dnnl_engine_t?
        return dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success ? engine : nil
    }()

    private static let making = NSLock()

    /// Runs `body` while no other thread makes or destroys an operation.
    ///
    /// Debian's oneDNN 2.6.3 gives operations wrong code where several threads make some at once: of 6000 small convolutions
    /// that four threads made at once, 7 to 20 gave wrong results, with its own cache and without; none of 24,000 under a lock.
    static func whileMaking<Result>(_ body: () throws -> Result) rethrows -> Result { try making.withLock(body) }

    package static func engine() throws -> dnnl_engine_t {
        guard let engine = sharedEngine else {
            throw EngineError.library(operation: "engine", reason: "oneDNN: no CPU engine could be made")
        }
        return engine
    }

    /// Throws where `status` is not success. The text of the operation is made only then.
    package static func check(_ status: dnnl_status_t, _ operation: @autoclosure () -> String) throws {
        if status == dnnl_success { return }
        let reason: String
        switch status {
        case dnnl_out_of_memory: reason = "out of memory"
        case dnnl_invalid_arguments: reason = "invalid arguments"
        case dnnl_unimplemented: reason = "not implemented on this processor (bf16 needs AVX-512)"
        case dnnl_runtime_error: reason = "runtime error"
        default: reason = "status \(status.rawValue)"
        }
        throw EngineError.library(operation: operation(), reason: "oneDNN: " + reason)
    }

    /// What a call that fills an optional handle gave, or an error.
    package static func handle<Handle>(
        _ operation: @autoclosure () -> String, _ make: (inout Handle?) -> dnnl_status_t
    ) throws -> Handle {
        var result: Handle?
        try check(make(&result), operation())
        guard let handle = result else {
            throw EngineError.library(operation: operation(), reason: "oneDNN: nothing was made")
        }
        return handle
    }

    package static func dataType(_ dtype: DType, _ operation: @autoclosure () -> String) throws -> dnnl_data_type_t {
        switch dtype {
        case .f32: return dnnl_f32
        case .bf16: return dnnl_bf16
        default: throw TensorError.dtype(operation: operation(), message: "wanted f32 or bf16, got \(dtype)")
        }
    }

    /// A description with a layout that oneDNN names, or `dnnl_format_tag_any` to let it choose.
    package static func description(
        _ sizes: [Int], _ dtype: DType, _ tag: dnnl_format_tag_t, _ operation: @autoclosure () -> String
    ) throws -> dnnl_memory_desc_t {
        var result = dnnl_memory_desc_t()
        let dimensions = sizes.map(Int64.init)
        try check(
            dnnl_memory_desc_init_by_tag(
                &result, Int32(sizes.count), dimensions, try dataType(dtype, operation()), tag), operation())
        return result
    }

    /// The sizes that a convolution's weights `[outputs, inputs / groups, height, width]` have in oneDNN, whose groups are a
    /// dimension of their own. The values lie in the same order.
    package static func weightSizes(_ shape: [Int], groups: Int) -> [Int] {
        groups == 1 ? shape : [groups, shape[0] / groups] + shape.dropFirst()
    }

    /// The sizes of a description.
    package static func sizes(_ description: dnnl_memory_desc_t) -> [Int] {
        withUnsafeBytes(of: description.dims) { raw in
            raw.bindMemory(to: Int64.self).prefix(Int(description.ndims)).map { Int($0) }
        }
    }

    /// A description with strides, in elements.
    package static func description(
        _ sizes: [Int], strides: [Int], _ dtype: DType, _ operation: @autoclosure () -> String
    ) throws -> dnnl_memory_desc_t {
        var result = dnnl_memory_desc_t()
        try check(
            dnnl_memory_desc_init_by_strides(
                &result, Int32(sizes.count), sizes.map(Int64.init), try dataType(dtype, operation()),
                strides.map(Int64.init)), operation())
        return result
    }
}
