import Tensors

/// How schedulers write their state: the position as i64 `[3]` (scheduler, steps, step index), and tensors by name.
enum SchedulerState {
    private static let position = "position"

    static func make(_ kind: SchedulerKind, steps: Int, index: Int, _ history: [String: Tensor]) throws -> [String:
        Tensor]
    {
        var state = try history.mapValues { try $0.clone() }
        state[position] = try Tensor([number(kind), Int64(steps), Int64(index)], shape: [3])
        return state
    }

    /// The steps and the step index of a state.
    static func read(_ kind: SchedulerKind, _ state: [String: Tensor]) throws -> (steps: Int, index: Int) {
        guard let tensor = state[position], tensor.dtype == .i64, tensor.shape == [3] else {
            throw fault(kind, "it has no position")
        }
        let values = try tensor.array(Int64.self)
        guard values[0] == number(kind) else { throw fault(kind, "it belongs to another scheduler") }
        guard values[1] > 0, values[2] >= 0, values[1] <= 1 << 32, values[2] <= 1 << 32 else {
            throw fault(kind, "its position is \(values)")
        }
        return (Int(values[1]), Int(values[2]))
    }

    /// Copies of the tensors `name0`, `name1`, … of a state, as many as there are; all f32 of one shape.
    static func list(_ kind: SchedulerKind, _ state: [String: Tensor], _ name: String) throws -> [Tensor] {
        var list: [Tensor] = []
        while let tensor = state[name + String(list.count)] {
            guard tensor.dtype == .f32, tensor.shape == (list.first ?? tensor).shape else {
                throw fault(kind, "\(name)\(list.count) is \(tensor.dtype) \(Tensor.text(tensor.shape))")
            }
            list.append(try tensor.clone())
        }
        return list
    }

    static func named(_ name: String, _ tensors: [Tensor]) -> [String: Tensor] {
        var result: [String: Tensor] = [:]
        for (index, tensor) in tensors.enumerated() { result[name + String(index)] = tensor }
        return result
    }

    static func fault(_ kind: SchedulerKind, _ message: String) -> TensorError {
        TensorError.value(operation: kind.rawValue, message: "the saved state cannot be used: \(message)")
    }

    private static func number(_ kind: SchedulerKind) -> Int64 {
        Int64(SchedulerKind.allCases.firstIndex(of: kind) ?? 0)
    }
}
