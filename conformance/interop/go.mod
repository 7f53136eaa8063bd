module github.com/deltalog/deltalog/conformance/interop

go 1.26.0

require (
	github.com/deltalog/deltalog v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/deltalog/deltalog => ../..
