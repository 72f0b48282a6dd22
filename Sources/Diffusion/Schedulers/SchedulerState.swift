import Tensors

/// How schedulers write their state: the class as bytes, the position as i64 `[2]` (steps, step index), and tensors by
/// name.
enum SchedulerState {
    private static let position = "position"
    private static let owner = "class"

    static func make(
        _ scheduler: any Scheduler, steps: Int, _ history: [String: Tensor]
    ) throws -> [String: Tensor] {
        var state = try history.mapValues { try $0.clone() }
        let name = Array(scheduler.name.utf8)
        state[owner] = try Tensor(name, shape: [name.count])
        state[position] = try Tensor([Int64(steps), Int64(scheduler.stepIndex)], shape: [2])
        return state
    }

    /// The steps and the step index of a state.
    static func read(_ scheduler: any Scheduler, _ state: [String: Tensor]) throws -> (steps: Int, index: Int) {
        guard let tensor = state[position], tensor.dtype == .i64, tensor.shape == [2] else {
            throw fault(scheduler, "it has no position")
        }
        guard let name = state[owner], name.dtype == .u8, try name.array(UInt8.self) == Array(scheduler.name.utf8)
        else {
            throw fault(scheduler, "it belongs to another scheduler")
        }
        let values = try tensor.array(Int64.self)
        guard values[0] > 0, values[1] >= 0, values[0] <= 1 << 32, values[1] <= 1 << 32 else {
            throw fault(scheduler, "its position is \(values)")
        }
        return (Int(values[0]), Int(values[1]))
    }

    /// Copies of the tensors `name0`, `name1`, … of a state, as many as there are; all f32 of one shape.
    static func list(_ scheduler: any Scheduler, _ state: [String: Tensor], _ name: String) throws -> [Tensor] {
        var list: [Tensor] = []
        while let tensor = state[name + String(list.count)] {
            guard tensor.dtype == .f32, tensor.shape == (list.first ?? tensor).shape else {
                throw fault(scheduler, "\(name)\(list.count) is \(tensor.dtype) \(Tensor.text(tensor.shape))")
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

    static func fault(_ scheduler: any Scheduler, _ message: String) -> TensorError {
        TensorError.value(operation: scheduler.name, message: "the saved state cannot be used: \(message)")
    }
}
