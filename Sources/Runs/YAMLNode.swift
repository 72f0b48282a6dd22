/// A value as a YAML text holds it, with its place in the text.
public struct YAMLNode {
    /// What a node can be. Keys are text as written: `1: x` has the key "1".
    public indirect enum Content {
        case scalar(ConfigValue)
        case list([YAMLNode])
        case map([(key: String, place: Place, value: YAMLNode)])
    }

    /// A place in a text, for messages.
    public struct Place: CustomStringConvertible {
        /// The file, or `--set path=value`.
        public let name: String
        /// Line from 1; 0 where lines say nothing, as in `--set`.
        public let line: Int
        /// Column in characters, from 1.
        public let column: Int

        /// `file:line:column`, or the name alone where there is no line.
        public var description: String { line == 0 ? name : "\(name):\(line):\(column)" }
    }

    /// What the node is.
    public var content: Content
    /// Where it begins.
    public var place: Place
    /// Nodes in it, itself included, after aliases.
    let size: Int
    /// Levels of lists and maps in it: 0 for a scalar.
    let height: Int

    init(_ content: Content, at place: Place) {
        self.content = content
        self.place = place
        switch content {
        case .scalar:
            size = 1
            height = 0
        case .list(let elements):
            size = elements.reduce(1) { $0 &+ $1.size }
            height = 1 + (elements.map(\.height).max() ?? 0)
        case .map(let entries):
            size = entries.reduce(1) { $0 &+ $1.value.size &+ 1 }
            height = 1 + (entries.map(\.value.height).max() ?? 0)
        }
    }

    /// The same content at another place, as an alias gives it.
    func moved(to place: Place) -> YAMLNode {
        var node = self
        node.place = place
        return node
    }

    /// The value without places.
    public var value: ConfigValue {
        switch content {
        case .scalar(let value): return value
        case .list(let elements): return .list(elements.map(\.value))
        case .map(let entries): return .map(entries.map { (key: $0.key, value: $0.value.value) })
        }
    }

    /// A node for a value that comes from somewhere else than a text.
    init(_ value: ConfigValue, at place: Place) {
        switch value {
        case .list(let elements): self.init(.list(elements.map { YAMLNode($0, at: place) }), at: place)
        case .map(let entries):
            let nodes = entries.map { (key: $0.key, place: place, value: YAMLNode($0.value, at: place)) }
            self.init(.map(nodes), at: place)
        default: self.init(.scalar(value), at: place)
        }
    }

    /// The node of a map's key; nil where the key is absent or this is no map.
    public subscript(key: String) -> YAMLNode? {
        guard case .map(let entries) = content else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// An error about this node.
    func error(_ message: String) -> RunsError { .config(location: place.description, message: message) }
}
