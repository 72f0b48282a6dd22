import CYAML

/// libyaml's events of one text, with what a config needs of them.
final class YAMLEvents {
    enum Kind {
        case streamEnd, documentStart, alias, scalar, sequenceStart, sequenceEnd, mappingStart, mappingEnd, other
    }

    struct Event {
        var kind = Kind.other
        var place: YAMLNode.Place
        /// A scalar's text or an alias' name.
        var text = ""
        var anchor: String?
        var tag: String?
        /// Whether a scalar stands without quotes and is no block text.
        var isPlain = false
    }

    private let name: String
    private var parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private let copy: UnsafeMutableRawBufferPointer

    /// Prepares the events of `bytes`, which are copied.
    init(bytes: UnsafeRawBufferPointer, name: String) throws {
        self.name = name
        copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyMemory(from: bytes)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            copy.deallocate()
            throw YAMLError(location: name, message: "out of memory for the parser")
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, copy.bindMemory(to: UInt8.self).baseAddress, copy.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        copy.deallocate()
    }

    private func place(_ mark: yaml_mark_t) -> YAMLNode.Place {
        YAMLNode.Place(name: name, line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }

    /// The next event.
    /// - Throws: `YAMLError` where the text is not YAML.
    func next() throws -> Event {
        var raw = yaml_event_t()
        guard yaml_parser_parse(parser, &raw) == 1 else { throw failure() }
        defer { yaml_event_delete(&raw) }
        var event = Event(place: place(raw.start_mark))
        switch raw.type {
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: event.kind = .streamEnd
        case YAML_DOCUMENT_START_EVENT: event.kind = .documentStart
        case YAML_ALIAS_EVENT:
            event.kind = .alias
            event.text = text(raw.data.alias.anchor) ?? ""
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            event.kind = .scalar
            event.text = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: Int(clamping: scalar.length)), as: UTF8.self)
            event.anchor = text(scalar.anchor)
            event.tag = text(scalar.tag)
            event.isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
        case YAML_SEQUENCE_START_EVENT:
            event.kind = .sequenceStart
            event.anchor = text(raw.data.sequence_start.anchor)
            event.tag = text(raw.data.sequence_start.tag)
        case YAML_SEQUENCE_END_EVENT: event.kind = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            event.kind = .mappingStart
            event.anchor = text(raw.data.mapping_start.anchor)
            event.tag = text(raw.data.mapping_start.tag)
        case YAML_MAPPING_END_EVENT: event.kind = .mappingEnd
        default: break
        }
        return event
    }

    private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private func failure() -> YAMLError {
        var message = parser.pointee.problem.map { String(cString: $0) } ?? "not valid YAML"
        if let context = parser.pointee.context { message = String(cString: context) + ": " + message }
        if message.contains("cannot start any token") && !message.contains("tab") {
            message += " (text that begins with @, `, % or a tab must be in quotes)"
        }
        return YAMLError(location: place(parser.pointee.problem_mark).description, message: message)
    }
}
