import Foundation

/// How `Image.rotated` takes pixels that fall between those of the source.
public enum RotateFilter: String, CaseIterable, Sendable {
    case nearest, bilinear
}

extension Image {
    /// The image turned about its centre, counter-clockwise, in its own size: Pillow's `rotate` with `expand=False`.
    /// - Parameters:
    ///   - degrees: the angle; any finite number.
    ///   - filter: bilinear blends four neighbours; modes "1" and "P" take the nearest pixel in any case.
    ///   - fill: the samples of the corners that the turned image leaves, one a channel; nil is zeros.
    /// - Throws: `ImageError.argument` for an angle that is not finite, a fill of another length, or bilinear on "I;16".
    public func rotated(degrees: Double, filter: RotateFilter = .nearest, fill: [UInt8]? = nil) throws -> Image {
        guard degrees.isFinite else {
            throw ImageError.argument(operation: "rotate", message: "wanted a finite angle in degrees, got \(degrees)")
        }
        if let fill, fill.count != mode.bytesPerPixel {
            throw ImageError.argument(
                operation: "rotate",
                message: "a fill for mode \(mode.rawValue) has \(mode.bytesPerPixel) samples, got \(fill.count)")
        }
        var angle = degrees.truncatingRemainder(dividingBy: 360)
        if angle < 0 { angle += 360 }
        if angle == 0 || angle == 360 { return self }
        if angle == 180 {
            return try remapped(width: width, height: height) { x, y in (self.width - 1 - x, self.height - 1 - y) }
        }
        if angle == 90, width == height {
            return try remapped(width: width, height: height) { x, y in (self.width - 1 - y, x) }
        }
        if angle == 270, width == height {
            return try remapped(width: width, height: height) { x, y in (y, self.height - 1 - x) }
        }
        let matrix = inverseRotation(angle)
        if filter == .nearest || mode == .bilevel || mode == .palette {
            return try mode == .gray16 ? affineNearest16(matrix, fill) : affineNearest(matrix, fill)
        }
        guard mode != .gray16 else {
            throw ImageError.argument(
                operation: "rotate",
                message: "bilinear needs 8-bit samples, got mode I;16; use nearest or convert first")
        }
        if mode.hasAlpha { return try premultiplied().affineBilinear(matrix, fill).unpremultiplied() }
        return try affineBilinear(matrix, fill)
    }

    /// Output coordinates to source coordinates: x' = a x + b y + c, y' = d x + e y + f.
    private struct Affine {
        var a, b, c, d, e, f: Double
    }

    private func inverseRotation(_ degrees: Double) -> Affine {
        let angle = -(degrees * (Double.pi / 180))
        // Pillow rounds to 15 decimals, so that quarter turns are exact.
        func rounded(_ value: Double) -> Double { Double(String(format: "%.15f", value)) ?? value }
        let centerX = Double(width) / 2
        let centerY = Double(height) / 2
        var matrix = Affine(
            a: rounded(cos(angle)), b: rounded(sin(angle)), c: 0, d: rounded(-sin(angle)), e: rounded(cos(angle)), f: 0)
        matrix.c = matrix.a * -centerX + matrix.b * -centerY + centerX
        matrix.f = matrix.d * -centerX + matrix.e * -centerY + centerY
        return matrix
    }

    /// An image full of `fill`, then written by `body`.
    private func filled(_ fill: [UInt8]?, _ body: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void) throws
        -> Image
    {
        try derived(width: width, height: height) { target in
            if let fill { for index in 0..<byteCount { target[index] = fill[index % fill.count] } }
            withPointer { body($0, target) }
        }
    }

    /// Nearest pixels with positions in 16.16 fixed point, stepped from pixel to pixel as in Pillow.
    private func affineNearest(_ matrix: Affine, _ fill: [UInt8]?) throws -> Image {
        func fixed(_ value: Double) -> Int { Int((value * 65536 + 0.5).rounded(.down)) }
        let stepX = (fixed(matrix.a), fixed(matrix.d))
        let stepY = (fixed(matrix.b), fixed(matrix.e))
        let size = mode.bytesPerPixel
        return try filled(fill) { source, target in
            var start = (
                fixed(matrix.c + matrix.a * 0.5 + matrix.b * 0.5), fixed(matrix.f + matrix.d * 0.5 + matrix.e * 0.5)
            )
            var to = target
            for _ in 0..<height {
                var (x, y) = start
                for _ in 0..<width {
                    let column = x >> 16
                    let row = y >> 16
                    if column >= 0, column < width, row >= 0, row < height {
                        let from = source + row * bytesPerRow + column * size
                        for byte in 0..<size { to[byte] = from[byte] }
                    }
                    to += size
                    x += stepX.0
                    y += stepX.1
                }
                start.0 += stepY.0
                start.1 += stepY.1
            }
        }
    }

    /// Calls `body` with the source position of every output pixel's centre that lies inside the source.
    private func forPositions(_ matrix: Affine, _ body: (_ index: Int, _ x: Double, _ y: Double) -> Void) {
        for row in 0..<height {
            for column in 0..<width {
                let x = Double(column) + 0.5
                let y = Double(row) + 0.5
                let sourceX = matrix.a * x + matrix.b * y + matrix.c
                let sourceY = matrix.d * x + matrix.e * y + matrix.f
                if sourceX >= 0, sourceX < Double(width), sourceY >= 0, sourceY < Double(height) {
                    body(row * width + column, sourceX, sourceY)
                }
            }
        }
    }

    /// Nearest pixels of 16 bits, for which Pillow computes every position in f64.
    private func affineNearest16(_ matrix: Affine, _ fill: [UInt8]?) throws -> Image {
        try filled(fill) { source, target in
            forPositions(matrix) { index, x, y in
                (target + 2 * index).update(from: source + Int(y) * bytesPerRow + 2 * Int(x), count: 2)
            }
        }
    }

    /// Blends of four neighbours in f64, cut (not rounded) to 8 bits as in Pillow; edges are repeated.
    private func affineBilinear(_ matrix: Affine, _ fill: [UInt8]?) throws -> Image {
        let channels = mode.channels
        return try filled(fill) { source, target in
            forPositions(matrix) { index, x, y in
                let left = (x - 0.5).rounded(.down)
                let top = (y - 0.5).rounded(.down)
                let (dx, dy) = (x - 0.5 - left, y - 0.5 - top)
                let columns = (max(0, Int(left)), min(width - 1, Int(left) + 1))
                let rows = (max(0, Int(top)), min(height - 1, Int(top) + 1))
                for band in 0..<channels {
                    func value(_ row: Int, _ column: Int) -> Double {
                        Double(source[row * bytesPerRow + column * channels + band])
                    }
                    func blended(_ row: Int) -> Double {
                        let first = value(row, columns.0)
                        return first + (value(row, columns.1) - first) * dx
                    }
                    let upper = blended(rows.0)
                    target[index * channels + band] = UInt8(upper + (blended(rows.1) - upper) * dy)
                }
            }
        }
    }
}
