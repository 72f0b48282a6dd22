import Tensors

/// What a denoiser reads of N texts, made by one text encoder or by several.
public struct Conditioning {
    /// The states of the tokens, f32 `[N, T, D]`.
    public var states: Tensor
    /// 1 for tokens and 0 for padding, i64 `[N, T]`; nil where the family attends to all.
    public var mask: Tensor?
    /// One vector a text, f32 `[N, P]`, of families that have it.
    public var pooled: Tensor?

    /// A conditioning of states, and of a mask and pooled vectors where the family has them.
    public init(states: Tensor, mask: Tensor? = nil, pooled: Tensor? = nil) {
        self.states = states
        self.mask = mask
        self.pooled = pooled
    }

    /// How many texts it is of.
    public var count: Int { states.shape.first ?? 0 }

    /// The texts of several, in order.
    /// - Throws: `TensorError.shape` where they are not of one length and width, or some have what others lack.
    public static func cat(_ parts: [Conditioning]) throws -> Conditioning {
        func joined(_ part: (Conditioning) -> Tensor?) throws -> Tensor? {
            let found = parts.compactMap(part)
            guard found.count == parts.count || found.isEmpty else {
                throw TensorError.shape(operation: "conditioning", message: "some texts have a part that others lack")
            }
            return try found.isEmpty ? nil : Tensor.cat(found, axis: 0)
        }
        return Conditioning(
            states: try Tensor.cat(parts.map(\.states), axis: 0), mask: try joined(\.mask), pooled: try joined(\.pooled)
        )
    }

    /// Some of the texts, from one of them on.
    /// - Throws: `TensorError` where there are not so many.
    public func narrow(_ start: Int, _ count: Int) throws -> Conditioning {
        Conditioning(
            states: try states.narrow(0, start, count), mask: try mask?.narrow(0, start, count),
            pooled: try pooled?.narrow(0, start, count))
    }

    /// The bytes that it holds.
    var byteCount: Int {
        [states, mask, pooled].compactMap { $0 }.reduce(0) { $0 + $1.count * $1.dtype.size }
    }
}

/// The conditioning of one text, and how many of its tokens did not fit.
public struct EncodedText {
    /// Of one text.
    public var conditioning: Conditioning
    /// How many tokens were cut off.
    public var lost: Int

    /// The conditioning of a text of which so many tokens were cut off.
    public init(_ conditioning: Conditioning, lost: Int) {
        self.conditioning = conditioning
        self.lost = lost
    }
}
