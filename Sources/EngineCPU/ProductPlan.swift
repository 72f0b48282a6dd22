import COneDNN
import Engine
import Tensors

/// Which parts of an epilogue a product of oneDNN takes, and which a pass of our own does behind it.
struct ProductPlan {
    /// The dtype that the product gives.
    let dtype: DType
    /// What the product applies to each value.
    let activation: Activation
    /// Whether the product adds to what the target holds.
    let accumulates: Bool
    /// The scale that is folded into the weights.
    let foldedScale: LayerScale?
    private let shape: [Int]
    private let residual: Residual<Tensor>?
    /// What is left to do.
    private let rest: Epilogue<Tensor>?

    /// - Parameters:
    ///   - shape: of the result.
    ///   - name: of the layer, for messages.
    /// - Throws: `TensorError.shape` for a residual, scale or summand of another shape.
    init(_ epilogue: Epilogue<Tensor>, shape: [Int], _ name: String, _ execution: CPUExecution) throws {
        try epilogue.check(shape, name)
        self.shape = shape
        let result = epilogue.result ?? execution.dtype
        var (folded, given): (LayerScale?, Tensor?) = (nil, nil)
        switch epilogue.scale {
        case .learned(let scale): folded = scale
        case .given(let value): given = value
        case nil: break
        }
        foldedScale = folded
        let fits = epilogue.residual.map { $0.value.dtype == result } ?? true
        if given == nil, epilogue.summand == nil, fits {
            (dtype, activation, residual) = (result, epilogue.activation, epilogue.residual)
            (accumulates, rest) = (epilogue.residual != nil, nil)
            return
        }
        (dtype, activation, accumulates, residual) = (.f32, .none, false, nil)
        rest = Epilogue(
            scale: given.map { .given($0) }, summand: epilogue.summand, residual: epilogue.residual,
            activation: epilogue.activation, result: result)
    }

    /// Where the product goes: the memory of a residual that nobody needs, a copy of one, or new memory.
    func target(_ execution: CPUExecution) throws -> Tensor {
        switch residual {
        case .given(let value) where value.isContiguous: return value
        case .kept(let value), .given(let value):
            let target = try execution.allocate(shape, dtype)
            let source = try value.contiguous()
            target.pointer.copyMemory(from: source.pointer, byteCount: source.count * dtype.size)
            return target
        case nil: return try execution.allocate(shape, dtype)
        }
    }

    /// Where a product of our own goes, and what it adds: it reads a residual that stays where it lies.
    func place(_ execution: CPUExecution) throws -> (target: Tensor, residual: Tensor?) {
        let added = try residual?.value.contiguous()
        if case .given(let value)? = residual, value.isContiguous { return (value, value) }
        return (try execution.allocate(shape, dtype), added)
    }

    /// Does what is left.
    func finish(_ product: Tensor, _ execution: CPUExecution) throws -> Tensor {
        guard let rest else { return product }
        return try execution.finished(product, rest)
    }
}

extension Epilogue where Value == Tensor {
    /// - Throws: `TensorError.shape` where a residual, scale or summand does not fit to a result of `shape`.
    func check(_ shape: [Int], _ name: String) throws {
        if let other = residual?.value, other.shape != shape || (other.dtype != .f32 && other.dtype != .bf16) {
            throw TensorError.shape(
                operation: name,
                message: "wanted a residual \(Tensor.text(shape)), got \(other.dtype) \(Tensor.text(other.shape))")
        }
        var rows: [(String, Tensor)] = []
        if let summand { rows.append(("summand", summand)) }
        if case .given(let value)? = scale { rows.append(("scale", value)) }
        let channels = shape.last ?? 0
        for (kind, value) in rows {
            guard value.shape == [1, channels] || value.shape == [shape.first ?? 0, channels] else {
                throw TensorError.shape(
                    operation: name,
                    message: "wanted a \(kind) [1 or \(shape.first ?? 0), \(channels)], got "
                        + Tensor.text(value.shape))
            }
        }
        if case .learned(let layer)? = scale, layer.factors.shape != [channels] {
            throw TensorError.shape(
                operation: name,
                message: "wanted a scale [\(channels)], got \(Tensor.text(layer.factors.shape))")
        }
    }
}
