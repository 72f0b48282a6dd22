import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// Vectors `[…, channels]` for ids i64 `[…]`, counted from 0. The gradient of a vector that several ids name is the sum of
    /// theirs.
    /// - Throws: `TensorError.index` for an id outside the table, `.dtype` for other ids.
    public func embedding(_ layer: Embedding, _ ids: Tensor) throws -> Variable {
        let (count, channels) = (layer.count, layer.channels)
        let rows = try ids.contiguous().array(Int64.self)
        if let wrong = rows.first(where: { $0 < 0 || $0 >= Int64(count) }) {
            throw TensorError.index(operation: layer.weight.name, message: "id \(wrong) is not in 0 ..< \(count)")
        }
        if parameters.isFrozen(layer.weight) { return try leaf(fixedRows(layer, rows, ids.shape)) }
        let weight = try parameters.trained(layer.weight)
        let table = try weight.plainAddress(execution)
        let target = try execution.allocate(ids.shape + [channels], .f32)
        let values = Elementwise.floats(target)
        for (index, row) in rows.enumerated() {
            (values + index * channels).update(from: table + Int(row) * channels, count: channels)
        }
        let output = result(target, ids.shape + [channels], of: [], parameters: [weight])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            try weight.addPlainGradient(execution) { gathered in
                for (index, row) in rows.enumerated() {
                    NetElementwise.add(
                        gathered + Int(row) * channels, Elementwise.floats(gradient) + index * channels, count: channels
                    )
                }
            }
        }
        return output
    }

    /// Rows of a table that stays as it is, in whatever dtype it lies.
    private func fixedRows(_ layer: Embedding, _ rows: [Int64], _ shape: [Int]) throws -> Tensor {
        let table = try layer.weight.value()
        let target = try execution.allocate(shape + [layer.channels], .f32)
        for (index, row) in rows.enumerated() {
            let values = try table.narrow(0, Int(row), 1).to(.f32).contiguous()
            (Elementwise.floats(target) + index * layer.channels).update(
                from: Elementwise.floats(values), count: layer.channels)
        }
        return target
    }
}
