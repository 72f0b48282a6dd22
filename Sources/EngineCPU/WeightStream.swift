import Engine
import Foundation
import Tensors

/// What a streaming executor knows of the blocks of its networks: which run, what was packed for them, and which comes next. It
/// holds the buffers of blocks that ran for those that follow.
///
/// `Prepared` calls it under its lock.
final class WeightStream<Key: Hashable> {
    private struct Block {
        /// Kept alive, so that its identity stays unique.
        let owner: AnyObject
        /// The passes that are inside.
        var users = 0
        /// What was packed inside.
        var keys: Set<Key> = []
        /// What it was packed from, by identity.
        var parameters: [ObjectIdentifier: Parameter] = [:]
        /// The block that came behind it in an earlier pass.
        var next: ObjectIdentifier?
    }

    private var blocks: [ObjectIdentifier: Block] = [:]
    private var spare: [Int: [Storage]] = [:]
    /// Reads ahead, as asking for much may wait for the disk.
    private let reader = DispatchQueue(label: "chexgen.weights", qos: .utility)

    /// A pass enters a block behind another; what the next one will want is read ahead.
    func enter(_ owner: AnyObject, after former: AnyObject?) {
        let place = ObjectIdentifier(owner)
        blocks[place, default: Block(owner: owner)].users += 1
        if let former { blocks[ObjectIdentifier(former)]?.next = place }
        guard let next = blocks[place]?.next, next != place, let following = blocks[next], following.users == 0 else {
            return
        }
        let parameters = Array(following.parameters.values)
        reader.async { for parameter in parameters { parameter.readAhead() } }
    }

    /// A pass leaves a block.
    /// - Returns: what is to be let go, as no pass is inside any more.
    func leave(_ owner: AnyObject) -> Set<Key> {
        let place = ObjectIdentifier(owner)
        blocks[place]?.users -= 1
        guard let block = blocks[place], block.users == 0 else { return [] }
        blocks[place]?.keys = []
        return block.keys
    }

    /// Notes what was packed inside a block.
    func note(_ key: Key, in owner: AnyObject) { blocks[ObjectIdentifier(owner)]?.keys.insert(key) }

    /// Notes what it was packed from.
    func note(_ parameter: Parameter, in owner: AnyObject) {
        blocks[ObjectIdentifier(owner)]?.parameters[ObjectIdentifier(parameter)] = parameter
    }

    /// A buffer of a size that a block left behind, if there is one.
    func buffer(_ bytes: Int) -> Storage? { spare[bytes]?.popLast() }

    /// Keeps the buffers of a block that is done for the next; those of earlier ones that nobody wanted are let go.
    func keep(_ buffers: [Storage]) { spare = Dictionary(grouping: buffers, by: \.byteCount) }
}
