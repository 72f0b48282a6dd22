import Foundation

/// A text that equals another only byte by byte. Swift's own comparison also takes differently composed letters as equal,
/// which pandas does not.
public struct TextKey: Hashable {
    /// The text.
    public let text: String

    /// The key of a text.
    public init(_ text: String) { self.text = text }

    /// Whether the texts have the same bytes.
    public static func == (left: TextKey, right: TextKey) -> Bool {
        let count = left.text.utf8.count
        guard count == right.text.utf8.count else { return false }
        var (first, second) = (left.text, right.text)
        return first.withUTF8 { first in
            second.withUTF8 { second in
                guard let a = first.baseAddress, let b = second.baseAddress else { return true }
                return memcmp(a, b, count) == 0
            }
        }
    }

    /// Adds the bytes of the text.
    public func hash(into hasher: inout Hasher) {
        var text = self.text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
