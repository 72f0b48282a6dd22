/// A value as a YAML text holds it, with its place in the text.
public struct YAMLNode {
    /// What a node can be. Keys are text as written: `1: x` has the key "1".
    public indirect enum Content {
        case scalar(JSON)
        case array([YAMLNode])
        case object([(key: String, place: Place, value: YAMLNode)])
    }

    /// A place in a text, for messages.
    public struct Place: CustomStringConvertible {
        /// The file, or `--set path=value`.
        public let name: String
        /// Line from 1; 0 where lines say nothing, as in `--set`.
        public let line: Int
        /// Column in characters, from 1.
        public let column: Int

        /// A place.
        public init(name: String, line: Int, column: Int) {
            self.name = name
            self.line = line
            self.column = column
        }

        /// `file:line:column`, or the name alone where there is no line.
        public var description: String { line == 0 ? name : "\(name):\(line):\(column)" }
    }

    /// What the node is.
    public var content: Content
    /// Where it begins.
    public var place: Place
    /// Nodes in it, itself included, after aliases.
    let size: Int
    /// Levels of arrays and objects in it: 0 for a scalar.
    public let height: Int

    /// A node of some content.
    public init(_ content: Content, at place: Place) {
        self.content = content
        self.place = place
        switch content {
        case .scalar:
            size = 1
            height = 0
        case .array(let elements):
            size = elements.reduce(1) { $0 &+ $1.size }
            height = 1 + (elements.map(\.height).max() ?? 0)
        case .object(let entries):
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
    public var value: JSON {
        switch content {
        case .scalar(let value): return value
        case .array(let elements): return .array(elements.map(\.value))
        case .object(let entries): return .object(entries.map { (key: $0.key, value: $0.value.value) })
        }
    }

    /// A node for a value that comes from somewhere else than a text.
    public init(_ value: JSON, at place: Place) {
        switch value {
        case .array(let elements): self.init(.array(elements.map { YAMLNode($0, at: place) }), at: place)
        case .object(let entries):
            let nodes = entries.map { (key: $0.key, place: place, value: YAMLNode($0.value, at: place)) }
            self.init(.object(nodes), at: place)
        default: self.init(.scalar(value), at: place)
        }
    }

    /// The node of an object's key; nil where the key is absent or this is no object.
    public subscript(key: String) -> YAMLNode? {
        guard case .object(let entries) = content else { return nil }
        return entries.first { $0.key == key }?.value
    }
}
