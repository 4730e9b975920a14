package splice

import _ "embed"

// Sources is the text of this package, part of the name of a build folder: a
// changed splice must not find the binary of the old one.
var Sources = shapeSource + planSource + spliceSource

//go:embed shape.go
var shapeSource string

//go:embed plan.go
var planSource string

//go:embed splice.go
var spliceSource string
