-- chexgen.image as scripts see it.
local image = require "chexgen.image"
local tensor = require "chexgen.tensor"
local harness = require "harness"
local test, equal, raises = harness.test, harness.equal, harness.raises
local scratch = SCRATCH or arg[#arg]

local pixels = tensor.arange(0, 4 * 6 * 3):reshape(4, 6, 3):to "u8"
local img = image.from_tensor(pixels)

test("fields", function()
  equal({ img.width, img.height, img.mode }, { 6, 4, "rgb" })
  equal(image.from_tensor(tensor.zeros({ 2, 3 }, "u8")).mode, "gray")
  equal(image.from_tensor(tensor.zeros({ 2, 3, 1 }, "u8")).mode, "gray")
  equal(image.from_tensor(tensor.zeros({ 2, 3, 4 }, "u8")).mode, "rgba")
  assert(tostring(img):find "6 x 4")
  assert(img:tensor() == pixels)
  equal(image.from_tensor(tensor.zeros({ 2, 3 }, "u8")):tensor():shape(), { 2, 3, 1 })
  raises(function() img.width = 3 end, "width")
  raises(function() return img.widht end, "width")
  raises(function() image.from_tensor(tensor.zeros { 2, 2 }) end, "u8")
  raises(function() image.from_tensor(tensor.zeros({ 2, 2, 5 }, "u8")) end, "[2, 2, 5]")
  raises(function() image.from_tensor(3) end, "tensor", "Tensor")
end)

test("files", function()
  image.save(scratch .. "/a.png", img)
  assert(image.load(scratch .. "/a.png"):tensor() == pixels, "PNG is lossless")
  equal(image.load(scratch .. "/a.png", { mode = "gray" }).mode, "gray")
  image.save(scratch .. "/a.jpg", img, { quality = 90 })
  equal(image.load(scratch .. "/a.jpg").width, 6)
  raises(function() image.save(scratch .. "/a.tiff", img) end, ".tiff")
  raises(function() image.save(scratch .. "/a.jpg", img, { quality = 200 }) end, "quality")
  raises(function() image.save(scratch .. "/a.jpg", img, { qualty = 9 }) end, "qualty", "quality")
  raises(function() image.save(scratch .. "/a.jpg", pixels) end, "image", "Image", "Tensor")
  raises(function() image.save(scratch .. "/no/a.png", img) end, "no/a.png")
  raises(function() image.load(scratch .. "/none.png") end, "none.png")
  raises(function() image.load(scratch .. "/a.png", { mode = "cmyk" }) end, "mode", "cmyk", "rgb")
  raises(function() image.load() end, "path")
  local whole <close> = assert(io.open(scratch .. "/a.png", "rb"))
  local bytes = whole:read "a"
  for _, length in ipairs { 0, 1, 8, 20, #bytes // 2, #bytes - 12, #bytes - 1 } do
    local cut = assert(io.open(scratch .. "/cut.png", "wb"))
    cut:write(bytes:sub(1, length))
    cut:close()
    raises(function() image.load(scratch .. "/cut.png") end, "cut.png")
  end
end)

test("resampling is Pillow's", function()
  -- Image.fromarray(np.arange(72, dtype=np.uint8).reshape(4, 6, 3)).resize((3, 2), …), first channel.
  local wanted = {
    nearest = { { 21, 27, 33 }, { 57, 63, 69 } }, box = { { 11, 17, 23 }, { 47, 53, 59 } },
    bilinear = { { 15, 21, 26 }, { 43, 49, 54 } }, bicubic = { { 13, 19, 24 }, { 45, 51, 56 } },
    lanczos = { { 11, 18, 24 }, { 45, 52, 58 } },
  }
  for filter, values in pairs(wanted) do
    local small = img:resize { width = 3, height = 2, filter = filter }
    equal({ small.width, small.height }, { 3, 2 })
    equal(small:tensor():select(3, 1):totable(), values)
  end
  equal(img:resize({ width = 3, height = 2 }):tensor():totable(),
    img:resize({ width = 3, height = 2, filter = "bicubic" }):tensor():totable())
  raises(function() img:resize { width = 3 } end, "height")
  raises(function() img:resize { width = 3, height = 0 } end, "0")
  raises(function() img:resize { width = 3, height = 2, filter = "area" } end, "filter", "area")
  raises(function() img:resize { width = 3, height = 2, size = 4 } end, "size")
  raises(function() img:resize(3) end, "options", "table")
end)

test("cutting and turning", function()
  assert(img:crop { left = 1, top = 2, width = 3, height = 2 }:tensor() == pixels:narrow(1, 3, 2):narrow(2, 2, 3))
  assert(img:center_crop { width = 2, height = 2 }:tensor() == pixels:narrow(1, 2, 2):narrow(2, 3, 2))
  assert(img:flip():tensor() == pixels:index(2, { 6, 5, 4, 3, 2, 1 }))
  assert(img:flip("vertical"):tensor() == pixels:index(1, { 4, 3, 2, 1 }))
  assert(img:rotate(180):tensor() == pixels:index(1, { 4, 3, 2, 1 }):index(2, { 6, 5, 4, 3, 2, 1 }))
  equal(img:rotate(10, "bilinear").width, 6)
  equal(img:convert("gray").mode, "gray")
  equal(img:convert("gray"):convert("rgb").mode, "rgb")
  -- Pillow's L of (0, 1, 2) is 1.
  equal(img:convert("gray"):tensor()[1][1][1], 1)
  raises(function() img:crop { width = 3 } end, "height")
  raises(function() img:crop { left = 5, width = 3, height = 1 } end)
  raises(function() img:center_crop {} end, "width")
  raises(function() img:flip "diagonal" end, "axis", "diagonal")
  raises(function() img:rotate() end, "degrees")
  raises(function() img:rotate(10, "bicubic") end, "filter", "bicubic")
  raises(function() img:rotate(0 / 0) end)
  raises(function() img:convert "cmyk" end, "mode", "cmyk")
end)

test("grid", function()
  local grid = image.grid({ img, img, img }, { columns = 2, padding = 2 })
  equal({ grid.width, grid.height }, { 2 + 2 * (6 + 2), 2 + 2 * (4 + 2) })
  equal(image.grid({ img }).mode, "rgb")
  raises(function() image.grid {} end, "at least one image")
  raises(function() image.grid { img, 3 } end, "images[2]", "Image")
  raises(function() image.grid({ img }, { columns = 0 }) end, "columns")
end)

harness.report()
