import CProducts
import Threading

/// Products of many rows with the weights of a linear layer, at the processor's peak, and all that follows them while the sums
/// are in a core's cache.
public enum NetProducts {
    /// Outputs that lie together in the weights.
    public static let block = CX_PRODUCT_PANEL
    /// The most rows of one piece of work, and the fewest where there are too few pieces for all threads.
    private static let mostRows = 768, fewestRows = 96
    /// Pieces of work for each thread, so that none waits long for the last.
    private static let piecesPerThread = 24
    /// Rows that go through the steps behind the product together.
    private static let rowsOfSteps = 24

    /// Whether this processor has the instructions for operands of a type.
    public static func areFast(_ type: NetType) -> Bool { cx_products_are_fast(type.code) != 0 }

    /// What a product is of, and where its results go.
    public struct Product {
        /// For each 64 outputs, one after the other, and in them for each input (f32) or each two (bf16), 64 weights or pairs of
        /// them; filled up with zeros to whole 64 outputs and 16 inputs.
        public var weights: UnsafeRawPointer
        /// f32 `[outputs]`.
        public var bias: UnsafePointer<Float>
        /// `[rows, inputs]`, an even number of inputs where they are bf16.
        public var source: UnsafeRawPointer
        /// How weights and source are stored.
        public var type: NetType
        /// `[rows, outputs]`; may be the residual's memory.
        public var target: UnsafeMutableRawPointer
        /// How the target is stored.
        public var targetType: NetType
        /// What follows.
        public var steps: NetEpilogue.Steps
        public var rows, inputs, outputs: Int
        /// Rows that share a line of `steps.scale` and `steps.summand`.
        public var rowsPerImage: Int

        /// Every property, in order.
        public init(
            weights: UnsafeRawPointer, bias: UnsafePointer<Float>, source: UnsafeRawPointer, type: NetType,
            target: UnsafeMutableRawPointer, targetType: NetType, steps: NetEpilogue.Steps, rows: Int, inputs: Int,
            outputs: Int, rowsPerImage: Int
        ) {
            self.weights = weights
            self.bias = bias
            self.source = source
            self.type = type
            self.target = target
            self.targetType = targetType
            self.steps = steps
            self.rows = rows
            self.inputs = inputs
            self.outputs = outputs
            self.rowsPerImage = rowsPerImage
        }

        var panelBytes: Int { (inputs + 15) / 16 * 16 * block * type.size }

        /// The most bytes of a panel that are gone through for some rows at once: half of a core's second cache.
        private static let mostPanelBytes = 512 << 10

        /// Whether the kernel of convolutions serves, which does all that follows in registers: in the same order, and so with the
        /// same bits.
        var isPlain: Bool {
            let isKnown = steps.function == nil || steps.function == .relu
            return isKnown && steps.scale == nil && steps.summand == nil && outputs.isMultiple(of: block)
                && inputs.isMultiple(of: 16) && panelBytes <= Self.mostPanelBytes
                && (steps.residual == nil || steps.residualType == targetType) && (targetType == .f32 || type == .bf16)
        }

        /// All rows as one row of pixels.
        var convolution: cx_convolution {
            cx_convolution(
                type: type.code, result: targetType.code, source: source.assumingMemoryBound(to: CChar.self),
                pixel: inputs * type.size, line: rows * inputs * type.size, width: rows, taps: 1, tap_line: 0,
                steps: inputs * type.size / 4, weights: weights.assumingMemoryBound(to: CChar.self), bias: bias,
                residual: steps.residual.map { $0.assumingMemoryBound(to: CChar.self) },
                relu: steps.function == nil ? 0 : 1, target: target.assumingMemoryBound(to: CChar.self),
                target_pixel: outputs * targetType.size)
        }
    }

    /// How a product is cut into pieces of work: a panel of 64 outputs and some rows each.
    public struct Plan: Sendable {
        /// Pieces that run at the same time.
        public let slots: Int
        fileprivate let panels, chunks, rows: Int

        /// - Parameter threads: those that the product may use.
        public init(rows: Int, outputs: Int, threads: Int) {
            panels = (outputs + block - 1) / block
            var chunks = (rows + mostRows - 1) / mostRows
            if threads > 1 {
                let wanted = (piecesPerThread * threads + panels - 1) / panels
                chunks = max(chunks, min(wanted, rows / fewestRows))
            }
            // In whole groups of rows, which the kernel takes together.
            let group = CX_PRODUCT_GROUP
            self.rows = (rows + group * chunks - 1) / (group * chunks) * group
            self.chunks = (rows + self.rows - 1) / self.rows
            slots = max(1, min(threads, panels * self.chunks))
        }

        /// Floats that `run` needs for its sums.
        public var sums: Int { slots * rows * block }
    }

    /// target = function((W x + b) · scale + summand + residual) of each row.
    /// - Parameter sums: memory for `plan.sums` floats.
    public static func run(_ product: Product, _ plan: Plan, sums: UnsafeMutablePointer<Float>) {
        let pieces = plan.panels * plan.chunks
        if product.isPlain {
            Parallel.forEach(pieces, slots: plan.slots) { index, _ in
                let first = index % plan.chunks * plan.rows
                var convolution = product.convolution
                cx_convolve(&convolution, first, min(product.rows, first + plan.rows), index / plan.chunks)
            }
            return
        }
        // The rows of a panel come one after the other, so that threads read the same weights at about the same time.
        Parallel.forEach(pieces, slots: plan.slots) { index, slot in
            let first = index % plan.chunks * plan.rows
            product.targetType.dispatch(
                Piece(
                    product: product, panel: index / plan.chunks, rows: first..<min(product.rows, first + plan.rows),
                    isLast: index == pieces - 1, sums: sums + slot * plan.rows * block))
        }
    }

    /// Some rows of one panel.
    private struct Piece: NetKernel {
        let product: Product
        let panel: Int
        let rows: Range<Int>
        let isLast: Bool
        let sums: UnsafeMutablePointer<Float>

        func run<T: NetElement>(_: T.Type) {
            let weights = product.weights + panel * product.panelBytes
            let stride = product.inputs * product.type.size
            cx_product(
                product.type.code, product.source + rows.lowerBound * stride, stride, rows.count, weights, Int32(block),
                stride / 4, sums, block, isLast ? nil : weights + product.panelBytes)
            var row = rows.lowerBound
            while row < rows.upperBound {
                let end = min(rows.upperBound, row + rowsOfSteps)
                finish(T.self, sums + (row - rows.lowerBound) * block, row..<end)
                row = end
            }
        }

        /// The steps behind the sums of a few rows.
        private func finish<T: NetElement>(_: T.Type, _ sums: UnsafeMutablePointer<Float>, _ rows: Range<Int>) {
            let (steps, channels, first) = (product.steps, product.outputs, panel * block)
            let count = min(block, channels - first)
            for row in rows {
                let line = sums + (row - rows.lowerBound) * block
                NetEpilogue.add(NetF32.self, product.bias + first, 0, line, count)
                steps.apply(
                    to: line, row: row, image: row / product.rowsPerImage, first: first, count: count,
                    channels: channels)
            }
            if let function = steps.function {
                NetElementwise.applyLine(function, sums, sums, count: rows.count * block)
            }
            for row in rows {
                let line = sums + (row - rows.lowerBound) * block
                let place = row * channels + first
                if count == block {
                    for vector in 0..<block / 16 {
                        T.store(product.target, place + 16 * vector, NetF32.load(line, 16 * vector))
                    }
                } else {
                    for index in 0..<count { T.storeOne(product.target, place + index, line[index]) }
                }
            }
        }
    }
}

extension NetType {
    /// The kernel's name for this type.
    var code: Int32 {
        Int32(self == .f32 ? CX_PRODUCT_F32 : CX_PRODUCT_BF16)
    }
}
