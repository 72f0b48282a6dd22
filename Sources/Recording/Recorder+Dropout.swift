import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// Some values as 0, the others divided by the share that stays (PyTorch's `Dropout`); the value itself where nothing is dropped.
    ///
    /// The mask follows from the step's seed and the layer alone: a block that runs again drops the same values, and no mask is kept.
    func dropout(_ x: Variable, _ share: Double, layer: Int) throws -> Variable {
        guard let dropoutSeed, share > 0 else { return x }
        let input = try plain(x)
        let key = dropoutSeed &+ UInt64(layer + 1) &* 0xD1B5_4A32_D192_ED03
        let target = try execution.allocate(input.shape, .f32)
        NetDropout.apply(
            Elementwise.floats(input.stored), Elementwise.floats(target), key: key, share: share, count: target.count)
        let output = result(target, input.shape, of: [input])
        guard output.requiresGradient else { return output }
        record { [slot = output.slot, inputSlot = input.slot] in
            guard let gradient = try slot.take() else { return }
            let numbers = Elementwise.floats(gradient)
            NetDropout.apply(numbers, numbers, key: key, share: share, count: gradient.count)
            try inputSlot.add(gradient)
        }
        return output
    }
}
