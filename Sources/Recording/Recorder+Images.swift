import Engine
import EngineCPU
import NetKernels
import Tensors

extension Recorder {
    /// Each pixel's nearest neighbour.
    public func upsample(_ x: Variable, height: Int, width: Int) throws -> Variable {
        let input = try plain(x)
        let output = result(
            try execution.upsample(input.stored, height: height, width: width),
            [x.shape[0], height, width, x.shape[3]], of: [input])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let shape = input.shape
            let flowing = try execution.allocate(shape, .f32)
            flowing.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: flowing.count * 4)
            for image in 0..<shape[0] {
                NetChannelGradient.addNeighbours(
                    Elementwise.floats(gradient) + image * height * width * shape[3],
                    Elementwise.floats(flowing) + image * shape[1] * shape[2] * shape[3],
                    rows: NearestNeighbours.sources(shape[1], height),
                    columns: NearestNeighbours.sources(shape[2], width), width: shape[2], channels: shape[3])
            }
            try input.slot.add(flowing)
        }
        return output
    }

    /// Patches as tokens.
    public func patchify(_ patches: Patches, _ x: Variable) throws -> Variable {
        let input = try plain(x)
        let tokens = try execution.patchify(patches, input.stored)
        let output = result(tokens, tokens.shape, of: [input])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let flowing = try execution.unpatchify(
                patches, gradient, height: input.shape[1], width: input.shape[2])
            // What went into a mean gets its share; what was repeated gets the sum.
            NetElementwise.scale(Elementwise.floats(flowing), 1 / Float(patches.run), count: flowing.count)
            try input.slot.add(flowing)
        }
        return output
    }

    /// Tokens as patches.
    public func unpatchify(_ patches: Patches, _ x: Variable, height: Int, width: Int) throws -> Variable {
        let input = try plain(x)
        let images = try execution.unpatchify(patches, input.stored, height: height, width: width)
        let output = result(images, images.shape, of: [input])
        guard output.requiresGradient else { return output }
        record { [execution, slot = output.slot] in
            guard let gradient = try slot.take() else { return }
            let flowing = try execution.patchify(patches, gradient)
            NetElementwise.scale(Elementwise.floats(flowing), Float(patches.run), count: flowing.count)
            try input.slot.add(flowing)
        }
        return output
    }

    /// Bytes through a table, without a gradient.
    public func pixels(_ images: Variable, _ table: PixelTable) throws -> Variable {
        try leaf(execution.pixels(images.stored, table))
    }
}
