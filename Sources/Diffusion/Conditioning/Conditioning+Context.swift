import Engine
import Tensors

extension Conditioning {
    /// Refuses states and masks that do not fit to a denoiser.
    /// - Throws: `TensorError.shape`.
    func check(texts: Int, width: Int, operation: String) throws {
        guard states.rank == 3, states.count > 0, states.shape[0] == texts, states.shape[2] == width,
            states.dtype == .f32
        else {
            throw TensorError.shape(
                operation: operation,
                message:
                    "wanted a context f32 [\(texts), T, \(width)], got \(states.dtype) \(Tensor.text(states.shape))")
        }
        if let mask, mask.shape != Array(states.shape.dropLast()) || mask.dtype != .i64 {
            throw TensorError.shape(
                operation: operation,
                message: "wanted a mask i64 \(Tensor.text(Array(states.shape.dropLast()))), got \(mask.dtype) "
                    + Tensor.text(mask.shape))
        }
    }

    /// Refuses vectors of texts that do not fit to a denoiser.
    /// - Throws: `TensorError.shape` where there are none, or others than it reads.
    func checkPooled(width: Int, operation: String) throws {
        let wanted = "wanted pooled vectors f32 [\(count), \(width)]"
        let vectors = try vectors(operation, wanted: wanted)
        guard vectors.shape == [count, width], vectors.dtype == .f32 else {
            throw TensorError.shape(
                operation: operation, message: "\(wanted), got \(vectors.dtype) \(Tensor.text(vectors.shape))")
        }
    }

    /// The vectors of the texts.
    /// - Throws: `TensorError.shape` where there are none.
    func vectors(_ operation: String, wanted: String = "wanted pooled vectors") throws -> Tensor {
        guard let pooled else { throw TensorError.shape(operation: operation, message: "\(wanted), got none") }
        return pooled
    }

    /// Refuses what a denoiser does not read.
    /// - Parameter parts: what it does not read, and whether it is there.
    /// - Throws: `TensorError.value`.
    func refuse(_ parts: [(name: String, isThere: Bool)], _ operation: String) throws {
        guard let found = parts.first(where: \.isThere) else { return }
        throw TensorError.value(operation: operation, message: "it reads no \(found.name) beside the context")
    }

    /// Of each text, how many tokens are seen where these are its first ones; nil where they are not, or where none is.
    func seenTokens() throws -> [Int?] {
        let length = states.shape[1]
        guard let mask else { return [Int?](repeating: length, count: count) }
        let marks = try mask.contiguous().array(Int64.self)
        return (0..<count).map { text in
            let row = marks[text * length..<(text + 1) * length]
            let seen = row.prefix { $0 != 0 }.count
            return seen > 0 && row.dropFirst(seen).allSatisfy { $0 == 0 } ? seen : nil
        }
    }

    /// The context of some texts as so many queries of a cross-attention read it. Padding behind all texts at hand is cut off:
    /// its weight would be exp(-10000), which is 0 in f32.
    func context<E: Execution>(
        _ rows: Range<Int>, _ seen: [Int?], queries: Int, on execution: E
    ) throws -> (text: E.Value, mask: Mask<E.Value>) {
        let own = try states.narrow(0, rows.lowerBound, rows.count)
        let lengths = seen[rows].compactMap { $0 }
        if lengths.count == rows.count, let longest = lengths.max() {
            let text = try execution.value(own.narrow(1, 0, longest).contiguous())
            return (text, lengths.allSatisfy { $0 == longest } ? .none : .lengths(lengths))
        }
        guard let mask else { return (try execution.value(own.contiguous()), .none) }
        let length = states.shape[1]
        let marks = try mask.narrow(0, rows.lowerBound, rows.count).contiguous().array(Int64.self)
        let bias = try Tensor(uninitialized: [rows.count, 1, queries, length])
        try bias.withElements(Float.self) { values in
            for index in values.indices {
                values[index] = marks[index / (queries * length) * length + index % length] == 0 ? -10_000 : 0
            }
        }
        return (try execution.value(own.contiguous()), .bias(try execution.value(bias)))
    }
}
