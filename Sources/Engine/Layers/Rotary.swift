import Foundation
import Tensors

/// Rotary position embedding (Su et al., 2021): pairs of a head's channels are turned by an angle that grows with the place.
public struct Rotary: Hashable, Sendable {
    /// Which channels of a head are a pair.
    public enum Pairing: Hashable, Sendable {
        /// i and i + half, as in Llama and Gemma.
        case halves
        /// 2i and 2i + 1, as in the paper and in FLUX.
        case neighbours
    }

    /// Channels of a head.
    public let headSize: Int
    /// The first channels of a head that are turned; the others stay.
    public let rotated: Int
    /// Which of them are pairs.
    public let pairing: Pairing

    /// A rotation of heads.
    /// - Parameter rotated: how many channels are turned; nil is the whole head.
    /// - Throws: `TensorError.value` where these are not an even part of the head.
    public init(headSize: Int, rotated: Int? = nil, pairing: Pairing = .halves) throws {
        let rotated = rotated ?? headSize
        guard rotated > 0, rotated % 2 == 0, rotated <= headSize else {
            throw TensorError.value(
                operation: "rotary", message: "\(rotated) of \(headSize) channels are not an even part of a head")
        }
        self.headSize = headSize
        self.rotated = rotated
        self.pairing = pairing
    }

    /// Cosines and sines of places, f32 `[places, rotated]`: first the cosines of all pairs, then their sines. The pair i of
    /// the place p is turned by p · base^(-2 i / rotated).
    public func table(_ places: Range<Int>, base: Double = 10_000) throws -> Tensor {
        try table(at: Array(places), base: base)
    }

    /// The same for places in any order.
    public func table(at places: [Int], base: Double = 10_000) throws -> Tensor {
        let pairs = rotated / 2
        let speeds = (0..<pairs).map { pow(base, -2 * Double($0) / Double(rotated)) }
        return try table(places.map { place in speeds.map { Double(place) * $0 } })
    }

    /// Cosines and sines of given angles, a row a place and in it an angle a pair: for models whose places have several axes.
    /// - Throws: `TensorError.shape` where a row has another number of angles.
    public func table(_ angles: [[Double]]) throws -> Tensor {
        guard angles.allSatisfy({ $0.count == rotated / 2 }) else {
            throw TensorError.shape(operation: "rotary", message: "wanted \(rotated / 2) angles for each place")
        }
        let values = angles.flatMap { row in row.map { Float(cos($0)) } + row.map { Float(sin($0)) } }
        return try Tensor(values, shape: [angles.count, rotated])
    }
}
