import Foundation

extension Tensor: CustomStringConvertible {
    /// Elements at each end of a long dimension that are shown.
    private static let edge = 3
    /// The number of elements up to which all are shown.
    private static let whole = 1000

    /// Dtype and shape, then the elements in nested brackets, as PyTorch prints them; of more than 1000 elements the three
    /// at each end of a dimension.
    public var description: String {
        let head = "Tensor \(dtype) \(Tensor.text(shape))"
        if count == 0 { return head }
        let all = count <= Tensor.whole
        var shown: [Scalar] = []
        collect(0, 0, all, &shown)
        let texts = Tensor.formatted(shown)
        var next = 0
        return head + "\n" + render(0, all, texts, &next)
    }

    private func places(_ axis: Int, _ all: Bool) -> [Int?] {
        let size = shape[axis]
        if all || size <= 2 * Tensor.edge { return Array(0..<size) }
        return Array(0..<Tensor.edge) + [nil] + Array(size - Tensor.edge..<size)
    }

    private func collect(_ axis: Int, _ position: Int, _ all: Bool, _ shown: inout [Scalar]) {
        if axis == rank {
            shown.append(scalar(at: position))
            return
        }
        for case .some(let index) in places(axis, all) {
            collect(axis + 1, position + index * strides[axis], all, &shown)
        }
    }

    private func render(_ axis: Int, _ all: Bool, _ texts: [String], _ next: inout Int) -> String {
        if axis == rank {
            next += 1
            return texts[next - 1]
        }
        var parts: [String] = []
        for place in places(axis, all) {
            parts.append(place == nil ? "..." : render(axis + 1, all, texts, &next))
        }
        let gap = String(repeating: "\n", count: rank - axis - 1) + String(repeating: " ", count: axis + 1)
        return "[" + parts.joined(separator: axis == rank - 1 ? ", " : "," + gap) + "]"
    }

    /// The scalars with equal widths; floats with four decimals, or in powers of ten where those would not tell them apart.
    private static func formatted(_ scalars: [Scalar]) -> [String] {
        let finite = scalars.compactMap { scalar -> Double? in
            guard case .number(let value) = scalar, value.isFinite else { return nil }
            return Swift.abs(value)
        }
        let top = finite.max() ?? 0
        let bottom = finite.filter { $0 > 0 }.min() ?? 1
        let integral = top < 1e8 && finite.allSatisfy { $0 == $0.rounded() }
        let scientific = !integral && (top >= 1e8 || bottom < 1e-4 || top / bottom > 1e5)
        let texts = scalars.map { scalar -> String in
            guard case .number(let value) = scalar else { return scalar.description }
            if value.isNaN { return "nan" }
            if value.isInfinite { return value < 0 ? "-inf" : "inf" }
            return String(format: scientific ? "%.4e" : integral ? "%.0f." : "%.4f", value)
        }
        let width = texts.map(\.count).max() ?? 0
        return texts.map { String(repeating: " ", count: width - $0.count) + $0 }
    }
}
