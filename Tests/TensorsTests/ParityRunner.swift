import Tensors

extension ParityCase {
    /// The operation's results on this case's inputs.
    func results() throws -> [Tensor] {
        let a = inputs[0]
        if let unary = UnaryOperation(rawValue: operation) { return [try a.unary(unary)] }
        if let binary = BinaryOperation(rawValue: operation) { return [try Tensor.binary(binary, a, inputs[1])] }
        if operation.hasSuffix("ScalarLeft"), let value = scalarArgument,
            let binary = BinaryOperation(rawValue: String(operation.dropLast(10)))
        {
            return [try Tensor.binary(binary, value, a)]
        }
        if operation.hasSuffix("Scalar"), let value = scalarArgument,
            let binary = BinaryOperation(rawValue: String(operation.dropLast(6)))
        {
            return [try Tensor.binary(binary, a, value)]
        }
        return try reduction() ?? view() ?? linear() ?? []
    }

    private var scalarArgument: Scalar? {
        flag("integer") ? integer("value").map { .integer($0) } : number("value").map { .number($0) }
    }

    private func reduction() throws -> [Tensor]? {
        let a = inputs[0]
        let (axis, keep) = (integer("axis"), flag("keep"))
        switch operation {
        case "sum": return [try a.sum(axis, keepDimension: keep)]
        case "mean": return [try a.mean(axis, keepDimension: keep)]
        case "prod": return [try a.prod(axis, keepDimension: keep)]
        case "std": return [try a.std(axis, correction: number("correction") ?? 1, keepDimension: keep)]
        case "var": return [try a.variance(axis, correction: number("correction") ?? 1, keepDimension: keep)]
        case "norm": return [try a.norm(axis, order: number("order") ?? .infinity, keepDimension: keep)]
        case "all": return [try a.all(axis, keepDimension: keep)]
        case "any": return [try a.any(axis, keepDimension: keep)]
        case "argmax": return [try a.argmax(axis, keepDimension: keep)]
        case "argmin": return [try a.argmin(axis, keepDimension: keep)]
        case "max", "min":
            guard let axis = axis else { return [operation == "max" ? try a.max() : try a.min()] }
            let (values, indices) =
                operation == "max" ? try a.max(axis, keepDimension: keep) : try a.min(axis, keepDimension: keep)
            return [values, indices]
        case "softmax": return [try a.softmax(axis ?? 0)]
        case "log_softmax": return [try a.logSoftmax(axis ?? 0)]
        case "cumsum": return [try a.cumsum(axis ?? 0)]
        case "sort":
            let (values, indices) = try a.sort(axis ?? 0, descending: flag("descending"))
            return [values, indices]
        case "topk":
            let (values, indices) = try a.topk(integer("k") ?? 0, axis ?? 0, largest: flag("largest"))
            return [values, indices]
        default: return nil
        }
    }

    private func view() throws -> [Tensor]? {
        let a = inputs[0]
        let axis = integer("axis") ?? 0
        switch operation {
        case "clamp": return [try a.clamp(scalar("low"), scalar("high"))]
        case "to": return [try a.to(DType(rawValue: arguments["dtype"] as? String ?? "") ?? .f32)]
        case "permute": return [try a.permuted(integers("axes"))]
        case "reshape": return [try a.reshaped(integers("shape"))]
        case "select": return [try a.select(axis, integer("index") ?? 0)]
        case "narrow": return [try a.narrow(axis, integer("start") ?? 0, integer("length") ?? 0)]
        case "index": return [try a.index(axis, inputs[1])]
        case "maskedSelect": return [try a.maskedSelect(inputs[1])]
        case "cat": return [try Tensor.cat(inputs, axis: axis)]
        case "stack": return [try Tensor.stack(inputs, axis: axis)]
        default: return nil
        }
    }

    private func linear() throws -> [Tensor]? {
        let a = inputs[0]
        switch operation {
        case "matmul": return [try a.matmul(inputs[1])]
        case "inv": return [try a.inv()]
        case "det": return [try a.det()]
        case "cholesky": return [try a.cholesky()]
        case "eigenvalues": return [try a.eigh().values]
        case "solve": return [try a.solve(inputs[1])]
        case "qr":
            let (q, r) = try a.qr()
            return [q, r]
        case "singularValues": return [try a.svd().s]
        case "trace": return [try a.trace()]
        default: return nil
        }
    }
}
