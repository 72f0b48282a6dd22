import Files
import Foundation
import Imaging

/// Films as data of the page itself: made small, and no more of them than the page has room for.
struct Pictures {
    /// A picture for an `img` element.
    struct Inlined {
        let source: HTML
        let width: Int
        let height: Int
    }

    /// Bytes that the pictures of a page may take.
    let limit: Int
    private(set) var bytes = 0
    /// How many had no room.
    private(set) var withoutRoom = 0
    /// What could not be shown, and why.
    private(set) var faults: [String] = []

    init(limit: Int) { self.limit = limit }

    /// A file's picture, at most `side` pixels wide and high; nil where it cannot be read or has no room.
    mutating func inlined(_ path: String, side: Int, quality: Int = 82) -> Inlined? {
        guard bytes < limit else {
            withoutRoom += 1
            return nil
        }
        do {
            let small = try Pictures.small(path, side: side)
            let data = Data(try small.jpeg(quality: quality)).base64EncodedString()
            guard bytes + data.utf8.count <= limit else {
                withoutRoom += 1
                return nil
            }
            bytes += data.utf8.count
            return Inlined(
                source: HTML(stringLiteral: "data:image/jpeg;base64," + data), width: small.width, height: small.height)
        } catch {
            if faults.count < RunResults.Limits.reasons { faults.append("\(error)") }
            return nil
        }
    }

    private static func small(_ path: String, side: Int) throws -> Image {
        var image = try Image.load(path)
        switch image.mode {
        // Between its darkest and its lightest grey: nobody measures on this page.
        case .gray16: image = try image.stretched()
        case .bilevel: image = try image.converted(to: .gray)
        case .gray: break
        default: image = try image.converted(to: .rgb)
        }
        let longest = max(image.width, image.height)
        if longest <= side { return image }
        func scaled(_ length: Int) -> Int { max(1, (length * side + longest / 2) / longest) }
        return try image.resized(width: scaled(image.width), height: scaled(image.height), filter: .bilinear)
    }
}
