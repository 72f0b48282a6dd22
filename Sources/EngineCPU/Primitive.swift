import COneDNN
import Engine
import Tensors

/// A oneDNN operation on fixed shapes, with what is needed to run it. Immutable, so threads may share it.
package final class Primitive {
    let handle: dnnl_primitive_t
    /// The memory descriptions by argument number.
    let descriptions: [Int32: dnnl_memory_desc_t]
    let scratchpadBytes: Int
    let name: String

    /// Makes the operation.
    /// - Parameters:
    ///   - operationDescription: points to oneDNN's struct that describes the operation.
    ///   - arguments: which description to ask for each argument.
    ///   - bias: the description of the bias, where there is one.
    package convenience init(
        _ name: String, _ operationDescription: UnsafeRawPointer, attributes: Attributes,
        arguments: [(Int32, dnnl_query_t)], bias: dnnl_memory_desc_t? = nil
    ) throws {
        let engine = try OneDNN.engine()
        try self.init(name) {
            dnnl_primitive_desc_create(&$0, operationDescription, attributes.handle, engine, nil)
        } descriptions: { description in
            var descriptions: [Int32: dnnl_memory_desc_t] = [:]
            if let bias { descriptions[DNNL_ARG_BIAS] = bias }
            for (argument, query) in arguments {
                guard let found = dnnl_primitive_desc_query_md(description, query, 0) else {
                    throw EngineError.library(operation: name, reason: "oneDNN: an argument has no description")
                }
                descriptions[argument] = found.pointee
            }
            return descriptions
        }
    }

    /// A change of layout or dtype.
    package convenience init(
        _ name: String, reorder source: dnnl_memory_desc_t, to target: dnnl_memory_desc_t
    ) throws {
        var (from, to) = (source, target)
        let engine = try OneDNN.engine()
        let attributes = try Attributes()
        try self.init(name) {
            dnnl_reorder_primitive_desc_create(&$0, &from, engine, &to, engine, attributes.handle)
        } descriptions: { _ in
            [DNNL_ARG_SRC: source, DNNL_ARG_DST: target]
        }
    }

    private init(
        _ name: String, describe: (inout dnnl_primitive_desc_t?) -> dnnl_status_t,
        descriptions: (dnnl_primitive_desc_t) throws -> [Int32: dnnl_memory_desc_t]
    ) throws {
        self.name = name
        (handle, self.descriptions, scratchpadBytes) = try OneDNN.whileMaking {
            let description = try OneDNN.handle(name, describe)
            defer { dnnl_primitive_desc_destroy(description) }
            var found = try descriptions(description)
            var bytes = 0
            if let scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0) {
                bytes = dnnl_memory_desc_get_size(scratchpad)
                if bytes > 0 { found[DNNL_ARG_SCRATCHPAD] = scratchpad.pointee }
            }
            let handle: dnnl_primitive_t = try OneDNN.handle(name) { dnnl_primitive_create(&$0, description) }
            return (handle, found, bytes)
        }
    }

    deinit { OneDNN.whileMaking { _ = dnnl_primitive_destroy(handle) } }

    /// The description of an argument.
    package func description(_ argument: Int32) throws -> dnnl_memory_desc_t {
        guard let found = descriptions[argument] else {
            throw EngineError.library(operation: name, reason: "oneDNN: argument \(argument) has no description")
        }
        return found
    }
}

/// The epilogue of an operation: first what is added to the result, then the activation; scratch memory is ours.
package final class Attributes {
    let handle: dnnl_primitive_attr_t

    /// - Parameter accumulate: the result is added to what the destination holds.
    package init(activation: Activation = .none, accumulate: Bool = false) throws {
        handle = try OneDNN.handle("attributes") { dnnl_primitive_attr_create(&$0) }
        try OneDNN.check(
            dnnl_primitive_attr_set_scratchpad_mode(handle, dnnl_scratchpad_mode_user), "scratchpad mode")
        if activation == .none && !accumulate { return }
        let operations: dnnl_post_ops_t = try OneDNN.handle("post-ops") { dnnl_post_ops_create(&$0) }
        defer { dnnl_post_ops_destroy(operations) }
        if accumulate { try OneDNN.check(dnnl_post_ops_append_sum(operations, 1), "sum") }
        if let (kind, alpha) = activation.elementwise {
            try OneDNN.check(dnnl_post_ops_append_eltwise(operations, 1, kind, alpha, 0), "activation")
        }
        try OneDNN.check(dnnl_primitive_attr_set_post_ops(handle, operations), "post-ops")
    }

    deinit { dnnl_primitive_attr_destroy(handle) }
}

extension Activation {
    fileprivate var elementwise: (dnnl_alg_kind_t, Float)? {
        switch self {
        case .none: return nil
        case .relu: return (dnnl_eltwise_relu, 0)
        case .gelu: return (dnnl_eltwise_gelu_erf, 0)
        case .geluTanh: return (dnnl_eltwise_gelu_tanh, 0)
        case .quickGelu: return (dnnl_eltwise_swish, 1.702)
        case .silu: return (dnnl_eltwise_swish, 1)
        case .tanh: return (dnnl_eltwise_tanh, 0)
        }
    }
}
